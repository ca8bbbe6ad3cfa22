"""Position embeddings of small Vision Transformers, compared on equal terms.

The modules, in the order data flows through them:

- `cli` reads the command line; `config` and `schema` turn it into a checked `Run`;
- `keys` makes every random number a function of (seed, purpose, ids);
- `data` holds images as tensors on the device and changes them batch by batch;
- `patches`, `embeddings` and `vit` are the network; `grid` and `shapes` its words;
- `train` is the loop, `metrics` what is measured;
- `runs` and `checkpoints` are the folder of a run;
- `screen` and `board` show it while it goes on, `records` reads it afterwards;
- `overview` is one run on a page, `serve` is TensorBoard;
- `comparison` is many runs: what lies there (`gathering`, `arms`, `selection`), by what it is judged
  (`judgement`, `readings`, `looks`), who is compared with whom (`matching`, `pairing`), and whether
  that is fair (`circumstances`); `statistics` says what follows, `rows` and `tables` show it;
- `catalogue`, `doctor` and `completion` tell what there is to type, `outcome` what went wrong.
"""

__version__ = "0.1.0"
