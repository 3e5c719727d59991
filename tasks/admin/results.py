"""A result and a log as their pages show them: in bounded time and size, whatever they say."""

from django.http import HttpResponse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from markdown_it import MarkdownIt

from tasks.admin import display
from tasks.api.content_type import content_type_of
from tasks.models import Task

# What becomes a page in a fraction of a second; longer Markdown is shown as it is written.
MAX_MARKDOWN_CHARACTERS = 40_000
MAX_TABLE_CELLS = 20_000
MAX_RESULT_CHARACTERS = 200_000
MAX_ENTRY_CHARACTERS = 10_000

# No HTML of the agent's, and no image: fetching one would tell its server what the URL says.
_markdown = MarkdownIt("commonmark", {"html": False}).enable("table").disable("image")
# A wide table is scrolled, with the keyboard too.
_TABLE = '<div class="st-scroll" tabindex="0" role="region" aria-label="Table">'
_markdown.add_render_rule(
    "table_open", lambda renderer, tokens, index, options, env: f"{_TABLE}<table>"
)
_markdown.add_render_rule(
    "table_close", lambda renderer, tokens, index, options, env: "</table></div>"
)


def render(result: str, whole_url: str) -> SafeString:
    """Render Markdown as such and everything else as it is written, up to a length.

    `whole_url` is where all of it is.
    """
    is_markdown = content_type_of(result) == "markdown"
    if is_markdown and (page := markdown(result)) is not None:
        return page
    shown = display.block(result[:MAX_RESULT_CHARACTERS])
    if len(result) <= MAX_RESULT_CHARACTERS:
        return shown
    return format_html(
        '{}<p class="st-quiet">The first {} of {} characters are shown:'
        ' <a class="st-link" href="{}">fetch all of them</a>.</p>',
        shown,
        f"{MAX_RESULT_CHARACTERS:,}",
        f"{len(result):,}",
        whole_url,
    )


def markdown(text: str) -> SafeString | None:
    """Render Markdown, without any HTML of its own; None if that would take long."""
    if not _is_quickly_rendered(text):
        return None
    return SafeString(_markdown.render(text))  # it escapes HTML


_ENDINGS = {"markdown": "md", "json": "json"}


def as_text(task: Task, *, is_file: bool) -> HttpResponse:
    """Send the whole result as plain text, whatever it says."""
    response = HttpResponse(task.result, content_type="text/plain; charset=utf-8")
    if is_file:
        ending = _ENDINGS.get(content_type_of(task.result), "txt")
        name = f"result-{task.pk}.{ending}"
        response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def shorten(text: str) -> SafeString:
    """Show what an entry of the log says, or its beginning and how much more there is."""
    shown = display.reveal(text[:MAX_ENTRY_CHARACTERS])
    more = len(text) - MAX_ENTRY_CHARACTERS
    if more <= 0:
        return shown
    return format_html(
        '{} <span class="st-quiet">… {} more characters</span>', shown, f"{more:,}"
    )


def _is_quickly_rendered(result: str) -> bool:
    """Tell whether it is short, also as HTML: each row of a table is filled up with cells."""
    if len(result) > MAX_MARKDOWN_CHARACTERS:
        return False
    columns = max(line.count("|") for line in result.split("\n"))
    return columns * result.count("\n") <= MAX_TABLE_CELLS or columns < 2
