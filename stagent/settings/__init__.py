"""Settings, read from the environment. Everything runs with none of them set."""

from stagent.settings.api import *  # noqa: F403
from stagent.settings.database import *  # noqa: F403
from stagent.settings.logging import *  # noqa: F403
from stagent.settings.pubsub import *  # noqa: F403
from stagent.settings.site import *  # noqa: F403
from stagent.settings.web import *  # noqa: F403
