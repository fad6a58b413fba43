#!/usr/bin/env bash
# Times strop's steps on language models against TRL's, each in an environment of its own, and writes results.md.
# BENCH_ENVS: a folder with the environment trl/, made where it is missing; BENCH_DATA: pairs and models, made too.
set -euo pipefail
cd "$(dirname "$0")/../.."
PYTHON=${PYTHON:-$PWD/.venv/bin/python}
export BENCH_ENVS=${BENCH_ENVS:-$PWD/.bench/envs} BENCH_DATA=${BENCH_DATA:-$PWD/.bench/data}
export BENCH_WORK=${BENCH_WORK:-$PWD/.bench/work}
export PYTHONPATH=$PWD/bench/recommend${PYTHONPATH:+:$PYTHONPATH} # its meter is used here too
export OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 MKL_NUM_THREADS=1

if ! "$BENCH_ENVS/trl/bin/python" -c 'from importlib.metadata import version as v; assert v("trl") == "1.16.0"' 2>/dev/null; then
  "$PYTHON" -m venv "$BENCH_ENVS/trl"
  "$BENCH_ENVS/trl/bin/python" -m pip install -q --disable-pip-version-check torch==2.13.0
  "$BENCH_ENVS/trl/bin/python" -m pip install -q --disable-pip-version-check trl==1.16.0 transformers==5.23.0 peft==0.21.2 \
    datasets==5.2.0 accelerate==1.15.0 scipy
fi
mkdir -p "$BENCH_WORK"
"$PYTHON" bench/language/make_data.py
"$PYTHON" bench/language/compare.py
"$PYTHON" bench/language/table.py
# answers: tokens a CPU second beside transformers' generate, which is in this environment too
"$PYTHON" bench/language/decoding/compare.py
"$PYTHON" bench/language/decoding/table.py
