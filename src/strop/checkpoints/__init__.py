"""How far did a run get, and can that be trusted after a kill, a full disk or a damaged file?"""

from strop.checkpoints.arrays import load_arrays, save_arrays
from strop.checkpoints.files import read_json, write_bytes, write_json
from strop.checkpoints.stopping import Stop
from strop.checkpoints.store import Checkpoint, Store

__all__ = ["Checkpoint", "Stop", "Store", "load_arrays", "read_json", "save_arrays", "write_bytes", "write_json"]
