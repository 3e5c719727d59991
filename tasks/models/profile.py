"""Profiles that people make and change while the server runs: rows, beside those of files."""

from collections.abc import Mapping

from django.db import models

from tasks import catalog
from tasks.catalog.agent_profile import MAX_ID_CHARACTERS, STORED
from tasks.catalog.profile_settings import UnusableProfile, make_profile


class StoredProfile(models.Model):
    """A profile: the settings that a TOML file would have, under the same names."""

    id = models.CharField(primary_key=True, max_length=MAX_ID_CHARACTERS)
    settings = models.JSONField()
    changed_by = models.CharField(max_length=150, blank=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["id"]
        verbose_name = "profile"

    def __str__(self) -> str:
        return str(self.settings.get("name") or self.pk)

    def make_profile(self) -> catalog.Profile:
        """Return the profile, or raise UnusableProfile where a version since knows less."""
        return make_profile(self.pk, self.settings, source=STORED)


class _Rows:
    def find(self, profile_id: str) -> catalog.Profile | None:
        row = StoredProfile.objects.filter(pk=profile_id).first()
        return _make_usable(row) if row else None

    def load_all(self) -> Mapping[str, catalog.Profile]:
        made = map(_make_usable, StoredProfile.objects.all())
        return {profile.id: profile for profile in made if profile}


def _make_usable(row: StoredProfile) -> catalog.Profile | None:
    try:
        return row.make_profile()
    except UnusableProfile:
        return None


catalog.register_stored_profiles(_Rows())
