"""FROST's client for Python, imported without what it names and never calls.

It makes demjson3 a backend of jsonpickle and pickles nothing. There is no wheel of demjson3, and only
wheels are installed.
"""

from __future__ import annotations

import json
import sys
import warnings
from types import ModuleType

_backend = ModuleType("demjson3")
_backend.__dict__.update(encode=json.dumps, decode=json.loads, JSONDecodeError=json.JSONDecodeError)
sys.modules.setdefault("demjson3", _backend)

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # what its packages think of one another is not ours to mend
    import frost_sta_client

__all__ = ["frost_sta_client"]
