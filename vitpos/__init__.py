"""Position embeddings of small Vision Transformers, compared on equal terms.

The modules, in the order data flows through them:

- `cli` reads the command line; `config` and `schema` turn it into a checked `Run`;
- `keys` makes every random number a function of (seed, purpose, ids);
- `data` holds images as tensors on the device and changes them batch by batch;
- `patches`, `embeddings` and `vit` are the network; `grid` and `shapes` its words;
- `train` is the loop, `metrics` what is measured;
- `runs` and `checkpoints` are the folder of a run;
- `screen` and `board` show it while it goes on, `records` reads it afterwards;
- `overview` is one run on a page;
- `serve` is TensorBoard: `placing` says which run stands where, `logdir` makes the folder that it
  looks into, `columns` are the keys in which arms differ, `curves` their means, `guide` the text;
- `comparison` is many: what lies there (`gathering`, `arms`, `selection`), by what it is judged
  (`judgement`, `readings`, `looks`), who is compared with whom (`matching`, `pairing`), and whether
  that is fair (`circumstances`); `statistics` says what follows, `rows` and `tables` show it;
- `plots` are pictures of many, `frames` are their numbers for notebooks;
- `catalogue`, `doctor` and `completion` tell what there is to type, `outcome` what went wrong.
"""

__version__ = "0.1.0"

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vitpos.frames import load_curves, load_evaluations, load_runs

__all__ = ["__version__", "load_curves", "load_evaluations", "load_runs"]


def __getattr__(name: str) -> object:
    """What notebooks ask for, imported when they do: the command line starts without it."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from vitpos import frames

    return getattr(frames, name)


def __dir__() -> list[str]:
    """What Tab offers."""
    return sorted({*globals(), *__all__})
