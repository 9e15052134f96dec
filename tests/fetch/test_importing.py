"""videonet.fetch: importing it leaves the process as it was."""

import subprocess
import sys

CODE = """
import csv, http.client, importlib, logging, os, pkgutil, signal, socket, ssl, sys, threading


def state():
    root = logging.getLogger()
    return {
        "root logger": (root.level, root.handlers[:], logging.root.manager.disable),
        "classes of loggers": logging.getLoggerClass(),
        "csv": csv.field_size_limit(),
        "ssl": (ssl.create_default_context, ssl._create_default_https_context),
        "socket": (socket.getdefaulttimeout(), socket.socket, socket.getaddrinfo),
        "http": (http.client.HTTPConnection.connect, http.client._MAXLINE),
        "signals": [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)],
        "hooks": (sys.excepthook, threading.excepthook, sys.stdout, sys.stderr),
        "limits": (sys.getrecursionlimit(), sys.get_int_max_str_digits()),
        "environment": dict(os.environ),
        "threads": threading.active_count(),
    }


before = state()
import videonet.fetch
for each in pkgutil.iter_modules(videonet.fetch.__path__):
    importlib.import_module("videonet.fetch." + each.name)
after = state()
print([name for name in before if before[name] != after[name]])
"""


def test_importing_all_of_it_changes_nothing_of_the_process():
    ended = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=True)
    assert ended.stdout == "[]\n"
    assert ended.stderr == ""
