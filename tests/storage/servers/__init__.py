"""Servers of objects on this machine, behind a proxy that fails by script and counts.

with fake_gcs(folder) as server:
    server.set_environment(monkeypatch)
    objects = open_place(server.make_bucket("bucket"))
    server.proxy.fail("get", "reset")
"""

from tests.storage.servers.proxy import Proxy
from tests.storage.servers.running import Server, Version, fake_gcs, gcp_emulator, moto

__all__ = ["Proxy", "Server", "Version", "fake_gcs", "gcp_emulator", "moto"]
