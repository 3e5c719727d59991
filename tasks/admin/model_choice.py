"""The fields of a form by which a person chooses a model and how hard it thinks."""

from typing import Any

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from unfold.widgets import UnfoldAdminTextInputWidget

from tasks import catalog
from tasks.models import ModelList

LIST_ID = "models-to-choose-from"


class ModelInput(UnfoldAdminTextInputWidget):
    """Free text, with the models that are known here to choose from."""

    def __init__(self) -> None:
        super().__init__(
            {"list": LIST_ID, "autocomplete": "off", "spellcheck": "false"}
        )

    def render(
        self, name: str, value: Any, attrs: Any = None, renderer: Any = None
    ) -> SafeString:
        options = format_html_join("", '<option value="{}">{}</option>', _list_models())
        field = super().render(name, value, attrs, renderer)
        return format_html('{}<datalist id="{}">{}</datalist>', field, LIST_ID, options)


def _list_models() -> list[tuple[str, str]]:
    """List each model with the runtimes that have it."""
    runtimes: dict[str, list[str]] = {}
    listed = ModelList.objects.load_names()
    for facts in catalog.RUNTIMES.values():
        for model in facts.models(listed):
            runtimes.setdefault(model, []).append(facts.title)
    return [(model, ", ".join(titles)) for model, titles in runtimes.items()]


def list_efforts() -> list[tuple[str, str]]:
    """List the choices of a select field."""
    return [("", "The model's own"), *((one, one) for one in catalog.EFFORTS)]
