"""A secret that is made at the first start and kept."""

import os
import secrets
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured


def keep_secret(file: Path) -> str:
    """Make a secret at the first start and keep it, so that sessions outlive a restart."""
    try:
        return _read_or_make(file)
    except OSError as error:
        raise ImproperlyConfigured(
            f"Cannot keep a secret in {file}: {error.strerror}. Give that file to the user"
            " that runs this, or set STAGENT_SECRET_KEY."
        ) from error


def _read_or_make(file: Path) -> str:
    if not file.exists():
        draft = file.with_name(f"{file.name}.{os.getpid()}")
        draft.touch(mode=0o600)
        draft.write_text(secrets.token_urlsafe(50))
        try:
            os.link(draft, file)  # of two first starts, one wins
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return file.read_text()
