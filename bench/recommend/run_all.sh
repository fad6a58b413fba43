#!/usr/bin/env bash
# Times strop against implicit, Cornac and RecBole, each in an environment of its own, and writes results.md.
# usage: run_all.sh [graphs]     graphs: LightGCN and its kin and Rel-MF alone; the other rows stay.
# BENCH_ENVS: a folder with the environments light/ and recbole/, made where it is missing; BENCH_DATA: the data, made too.
set -euo pipefail
cd "$(dirname "$0")/../.."
PYTHON=${PYTHON:-$PWD/.venv/bin/python}
export BENCH_ENVS=${BENCH_ENVS:-$PWD/.bench/envs} BENCH_DATA=${BENCH_DATA:-$PWD/.bench/data}
export BENCH_WORK=${BENCH_WORK:-$PWD/.bench/work}
export OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 MKL_NUM_THREADS=1 NUMBA_NUM_THREADS=1

has() { "$BENCH_ENVS/$1/bin/python" -c "from importlib.metadata import version as v; assert $2" 2>/dev/null; }
install() { "$BENCH_ENVS/$1/bin/python" -m pip install -q --disable-pip-version-check "${@:2}"; }

if ! has light 'v("implicit") == "0.7.3" and v("cornac") == "3.0.1"'; then
  "$PYTHON" -m venv "$BENCH_ENVS/light"
  install light implicit==0.7.3 cornac==3.0.1
fi
if ! has recbole 'v("recbole") == "1.2.1" and v("torch").split("+")[0] == "2.13.0" and v("numpy") < "2"'; then
  "$PYTHON" -m venv "$BENCH_ENVS/recbole"
  install recbole torch==2.13.0
  install recbole recbole==1.2.1 'numpy<2' 'pandas<2.3' 'scipy<1.12' 'setuptools<81'
fi

rm -rf "$BENCH_WORK"
mkdir -p "$BENCH_WORK"
"$PYTHON" bench/recommend/make_data.py
"$PYTHON" bench/recommend/compare.py "$@"
"$PYTHON" bench/recommend/table.py
