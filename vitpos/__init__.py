"""Position embeddings of small Vision Transformers, compared on equal terms.

The modules, in the order data flows through them:

- `cli` reads the command line; `overrides`, `config` and `schema` turn it into a checked `Run`, and
  `identities` into a digest;
- `sizes` is what follows from a config by arithmetic: tokens, stages, operations;
- `keys` makes every random number a function of (seed, purpose, ids);
- `data` holds images as tensors on the device and changes them batch by batch;
- `tasks` is what is asked of an image, and what it is shown on;
- `patches`, `embeddings` and `vit` are the network, `pyramid` one of several stages, of which some
  may be `convolution`s; `grid` and `shapes` its words; `kernels` what
  GPUs do faster than PyTorch, each beside plain PyTorch that says the same;
- `feed` is what a step is told and `step` what it does: one function, which `compiling` may compile
  and `graphs` record; `train` is the loop around it, `state` what it can go on from, `metrics` what
  is measured, `experiment` one run from data to summary;
- `lanes` train several seeds at once, `reuse` one after the other with what the first compiled;
- `ranks`, `world` and `company` make one run of the processes that torchrun starts; `pulse` notices
  when one is gone;
- `runs` and `checkpoints` are the folder of a run, `received` and `arrays` what holds where
  somebody else may have made it; `records` reads it afterwards; `views` are what the position
  embedding shows, `snapshots` keep it on the way, `reach` how far attention looks;
- `probes` measure what a trained network makes of position, one file each;
- `sweeps` are many runs: `studies` and `grids` say which, `plan` and `frozen` fix them, `sweep`
  runs them in slots of `launchers`, each a `member` of its own;
- `comparing` is what they answer: what lies there (`gathering`, `arms`, `selection`), by what it is
  judged (`judgement`, `readings`, `looks`), who is compared with whom (`matching`, `pairing`), and
  whether that is fair (`circumstances`); `statistics` says what follows, `tables` and `plots` show
  it;
- `pages` are what runs have to show, each page a file for a browser;
- `terminal` and `boards` (TensorBoard) show what goes on; `overview`, `diff` and `rerun` are about
  one run or two (`seen` what snapshots show of one), `frames` gives their numbers to notebooks;
- `palettes` are the colours of `pictures`, of which pages and charts are made;
- `bench` is how fast all of this is, against what is usual and what the machine could do;
- `catalogue`, `doctor` and `completion` tell what there is to type, `outcome` what went wrong;
  `surroundings` are what a process must have before it can do anything.
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
