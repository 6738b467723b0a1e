"""The limits API: the only writer of limits, parts and kill fields.

service = Service(Settings(tokens=path), store)
app = create_app(service)
"""

from meridian.risk.api.app import create_app
from meridian.risk.api.changes import World
from meridian.risk.api.service import Service, Settings

__all__ = ["Service", "Settings", "World", "create_app"]
