"""What each of several processes runs: a few steps on pairs, its losses and its weights written down. usage: FOLDER KIND"""

import sys
from pathlib import Path

import torch
from accelerate import PartialState
from test_answer_learning import coupled, dpo, learner, weights_of

state = PartialState(cpu=True)
one = learner({"dpo": dpo, "coupled": coupled}[sys.argv[2]], batch=8, budget=20, coupled=sys.argv[2] == "coupled")
losses = [one.epoch(step) for step in range(3)]
torch.save((losses, one.said, weights_of(one), state.num_processes), Path(sys.argv[1]) / f"{state.process_index}.pt")
