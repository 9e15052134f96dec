"""Where the tests' servers are: a run has to be told that it may ask them."""

from videonet.fetch.allowed_hosts import allowed_hosts

LOCAL = ("127.0.0.1",)
TYPED = ("--allow-private-hosts", *LOCAL)
ALLOWED = allowed_hosts(LOCAL)
