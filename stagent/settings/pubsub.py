"""Messages between processes: in this one on a laptop, over Redis at a site."""

import os

from stagent.settings.database import DATABASE_URL

# The embedded model belongs to `serve`: at a site, workers have none unless they are told.
STAGENT_HAS_EMBEDDED_MODEL = not DATABASE_URL or bool(
    os.environ.get("STAGENT_EMBEDDED_URL")
)

REDIS_URL = os.environ.get("REDIS_URL", "")

if REDIS_URL:
    from redis.connection import parse_url  # slow to load

    EVENTSTREAM_REDIS = parse_url(REDIS_URL)  # type: ignore[no-untyped-call]
    CHANNEL_LAYERS = {
        "default": {
            "BACKEND": "channels_redis.core.RedisChannelLayer",
            # Longer than the layer's own blocking pop of 5 s, which is redis-py's default.
            "CONFIG": {"hosts": [{"address": REDIS_URL, "socket_timeout": 20}]},
        }
    }
else:
    CHANNEL_LAYERS = {"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}}
