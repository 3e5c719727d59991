"""How long firings are kept: their tasks stay, whatever becomes of them."""

from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings

from tasks.models import Firing
from tasks.models.ids import first_id_at

KEPT = 20  # the last ones of each schedule, however old
# In a transaction, which keeps others from writing.
AT_ONCE = 500


def remove_old_firings(now: datetime) -> bool:
    """Remove some of the firings that are older than the settings say; tell if there may be more."""
    oldest = first_id_at(now - timedelta(days=settings.STAGENT_FIRING_DAYS))
    old = Firing.objects.filter(pk__lt=oldest).order_by()
    removed = 0
    for schedule_id in old.values_list("schedule_id", flat=True).distinct():
        removed += _remove_some(schedule_id, oldest)
        if removed >= AT_ONCE:
            return True
    return False


def _remove_some(schedule_id: UUID, oldest: UUID) -> int:
    firings = Firing.objects.filter(schedule_id=schedule_id).order_by("-pk")
    kept = firings.values_list("pk", flat=True)[KEPT - 1 : KEPT].first()
    if kept is None:
        return 0
    over = firings.over().filter(pk__lt=min(kept, oldest)).order_by("pk")
    some = list(over.values_list("pk", flat=True)[:AT_ONCE])
    return Firing.objects.filter(pk__in=some).delete()[0]
