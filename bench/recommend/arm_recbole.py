"""What does each task cost in RecBole? usage: arm_recbole.py TASKS; started by compare.py.

Needs numpy<2, pandas<2.3, scipy<1.12, setuptools<81. Its `evaluate` loads the best checkpoint with a call that torch
refuses since 2.6; here it evaluates the model in memory, so nothing has to be patched.
"""

import os
import time
from functools import partial
from typing import Any

import numpy as np
import recbole
import torch
from measuring import DIMENSIONS, SEED, UNKNOWN, WORK, Array, Laps, answer, cpu, matrix, pairs, peak_mb, tell
from recbole.config import Config
from recbole.data import create_dataset, data_preparation
from recbole.utils import get_model, get_trainer, init_seed

# Its figures of items (coverage, Gini, average popularity) stop 1.2.1 with "'int' object has no attribute 'cpu'".
FIGURES = ["Recall", "NDCG", "MAP", "MRR", "Hit", "Precision"]


def _write(data: str, parts: dict[str, str]) -> None:
    """Its own form of the parts, under the names train, valid and test."""
    folder = WORK / "recbole" / data
    folder.mkdir(parents=True, exist_ok=True)
    for name, part in parts.items():
        lines = [f"u{user}\ti{item}\n" for user, item in pairs(data, part)]
        (folder / f"{data}.{name}.inter").write_text("user_id:token\titem_id:token\n" + "".join(lines))


def _config(model: str, data: str, settings: dict[str, Any]) -> Config:
    common = {
        "data_path": str(WORK / "recbole"),
        "benchmark_filename": ["train", "valid", "test"],
        "load_col": {"inter": ["user_id", "item_id"]},
        "eval_args": {"split": {"RS": [0.8, 0.1, 0.1]}, "order": "RO", "group_by": "user", "mode": "full"},
        "train_batch_size": 2048,
        "eval_batch_size": 4_096_000,
        "embedding_size": DIMENSIONS,
        "metrics": FIGURES,
        "topk": [20],
        "valid_metric": "NDCG@20",
        "eval_step": 0,
        "stopping_step": 0,
        "show_progress": False,
        "state": "ERROR",
        "seed": SEED,
        "use_gpu": False,
        "device": "cpu",
        "checkpoint_dir": str(WORK / "recbole" / "saved"),
    }
    os.chdir(WORK / "recbole")  # where it writes its logs
    return Config(model=model, dataset=data, config_dict={**common, **settings})


def _load(model: str, data: str, part: str, **settings: Any) -> tuple[Config, Any, Any]:
    """Configuration, training data and test data; not part of any time."""
    _write(data, {"train": part, "valid": "validation", "test": "test"})
    config = _config(model, data, settings)
    init_seed(SEED, True)
    dataset = create_dataset(config)
    train, _, test = data_preparation(config, dataset)
    return config, train, test


def _model(name: str, config: Config, train: Any) -> tuple[Any, Any]:
    """A new model and its trainer."""
    init_seed(SEED, True)
    model = get_model(name)(config, train.dataset)
    return model, get_trainer(config["MODEL_TYPE"], name)(config, model)


def _hook(trainer: Any, laps: Laps, factors: Any) -> None:
    learn = trainer._train_epoch

    def learned(*arguments: Any, **named: Any) -> Any:
        loss = learn(*arguments, **named)
        laps.done(factors)
        return loss

    trainer._train_epoch = learned


def _places(dataset: Any, shape: tuple[int, int]) -> tuple[Array, Array]:
    """Where each user and item of the shared table stands in its own, 0 (its padding) where it was not shown."""
    names = dataset.field2token_id
    users = np.array([names["user_id"].get(f"u{user}", 0) for user in range(shape[0])])
    return users, np.array([names["item_id"].get(f"i{item}", 0) for item in range(shape[1])])


def _factors(model: Any, places: tuple[Array, Array]) -> tuple[Array, Array, Array]:
    users, items = places
    left, right = (e.weight.detach().numpy() for e in (model.user_embedding, model.item_embedding))
    return left[users], right[items], np.where(items > 0, 0, UNKNOWN).astype(np.float32)


def speed(data: str, *, epochs: int) -> None:
    """Epochs of BPR."""
    config, train, _ = _load("BPR", data, "train", epochs=epochs)
    _, trainer = _model("BPR", config, train)
    laps = Laps()
    _hook(trainer, laps, lambda: ())
    trainer.fit(train, valid_data=None, saved=False, show_progress=False)
    tell(figure="speed", arm="logistic", epoch=laps.an_epoch(), samples=len(pairs(data, "train")) / laps.an_epoch())


def search(data: str, *, trials: list[dict[str, float]], checkpoints: list[int]) -> None:
    """Fits with each setting, saving the factors at the checkpoints."""
    for number, trial in enumerate(
        trials
    ):  # loaded anew each time: the order of its batches goes on from trial to trial
        settings = {"learning_rate": trial["rate"], "weight_decay": trial["l2"]}
        config, train, _ = _load("BPR", data, "fit", epochs=max(checkpoints), **settings)
        places = _places(train.dataset, matrix(data, "fit").shape)
        model, trainer = _model("BPR", config, train)
        laps = Laps(tuple(checkpoints), f"{data}.recbole.{number}")
        _hook(trainer, laps, partial(_factors, model, places))
        trainer.fit(train, valid_data=None, saved=False, show_progress=False)
        tell(figure="search", trial=number, after=laps.after)


def timed(data: str, *, rate: float, l2: float, epochs: int) -> None:
    """One fit, from its loaded data to the model."""
    config, train, _ = _load("BPR", data, "fit", epochs=epochs, learning_rate=rate, weight_decay=l2)

    def work() -> Any:
        model, trainer = _model("BPR", config, train)
        trainer.fit(train, valid_data=None, saved=False, show_progress=False)
        return model

    start = time.perf_counter()
    spent, model = cpu(work)
    wall = time.perf_counter() - start
    left, right, bias = _factors(model, _places(train.dataset, matrix(data, "fit").shape))
    np.savez(WORK / f"{data}.timed.npz", left=left, right=right, bias=bias)
    tell(figure="timed", cpu=spent, wall=wall)


def rank(data: str) -> None:
    """Its evaluation, which ranks by itself, of a model that was not trained: the work is the same."""
    config, train, test = _load("BPR", data, "train", epochs=1)
    _, trainer = _model("BPR", config, train)
    before = peak_mb()
    both, _ = cpu(lambda: trainer.evaluate(test, load_best_model=False, show_progress=False), repeats=5)
    tell(figure="rank", both=both, figures=len(FIGURES), peak_before=before, peak_plain=peak_mb())


def _epochs(figure: str, model: str, data: str, epochs: int, **settings: Any) -> None:
    config, train, _ = _load(model, data, "train", epochs=epochs, n_layers=2, learning_rate=5e-3, **settings)
    _, trainer = _model(model, config, train)
    laps = Laps()
    _hook(trainer, laps, lambda: ())
    trainer.fit(train, valid_data=None, saved=False, show_progress=False)
    tell(figure=figure, epoch=laps.an_epoch())


def lightgcn(data: str, *, epochs: int) -> None:
    """Epochs of two layers in batches of 2,048."""
    _epochs("lightgcn", "LightGCN", data, epochs)


def sgl(data: str, *, epochs: int) -> None:
    """The same with two views of a tenth of the edges dropped."""
    _epochs("sgl", "SGL", data, epochs, type="ED", drop_ratio=0.1, ssl_tau=0.2, ssl_weight=0.1)


def ease(data: str, *, regularisation: float) -> None:
    """EASE, from its loaded data to the weights."""
    config, train, _ = _load("EASE", data, "train", epochs=1, reg_weight=regularisation)
    spent, model = cpu(lambda: get_model("EASE")(config, train.dataset))
    peak, shape = peak_mb(), matrix(data, "train").shape
    users, items = _places(train.dataset, shape)
    chosen = torch.as_tensor(users).chunk(8)
    scores = np.concatenate([model.full_sort_predict({"user_id": b}).view(len(b), -1).numpy() for b in chosen])
    np.save(WORK / f"{data}.ease.npy", np.where(items > 0, scores[:, items], UNKNOWN).astype(np.float32))
    tell(figure="ease", cpu=spent, peak_mb=peak)


if __name__ == "__main__":
    tasks = {"speed": speed, "search": search, "timed": timed, "rank": rank, "lightgcn": lightgcn, "ease": ease}
    tasks |= {"sgl": sgl}
    torch.set_num_threads(1)
    answer(tasks, recbole.__version__)
