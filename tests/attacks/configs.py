"""The `config.yaml` of a received run: names of code, sections of Hydra, references, bombs."""

from attacks.place import Attack, Place

AXIAL = "vitpos.embeddings.axial.Axial"
EVERY = (["resume", "RUN"], ["eval", "RUN"], ["probe", "RUN"], ["rerun", "RUN"])
READ = (["show", "RUN"], ["compare", "RUN"], ["list", "runs", "RECEIVED"], ["diff", "RUN", "RUN"])

TARGETS = {
    "os.system": "os.system",
    "posix.system": "posix.system",
    "eval": "builtins.eval",
    "open": "builtins.open",
    "write_text": "pathlib.Path.write_text",
    "torch.load": "torch.load",
    "torch.hub": "torch.hub.load",
    "numpy.load": "numpy.load",
    "pickle.loads": "pickle.loads",
    "subprocess": "subprocess.Popen",
    "through a trusted module": "vitpos.embeddings.rotary.torch.load",
    "through our command line": "vitpos.cli.main",
    "a function of ours": "vitpos.durable.write",
    "a class of ours that is no embedding": "vitpos.embeddings.base.Trunk",
    "a base class": "vitpos.embeddings.base.torch",
    "a module": "vitpos.embeddings.axial",
    "a dunder": "vitpos.embeddings.axial.__builtins__",
    "a method": "vitpos.embeddings.axial.Axial.__init__",
    "a look-alike": "vitpоs.embeddings.axial.Axial",  # a Cyrillic o
    "wide letters": "ｖｉｔｐｏｓ.embeddings.axial.Axial",
    "up": "vitpos.embeddings..os.system",
    "a path": "vitpos.embeddings/../../payload.Axial",
    "relative": ".payload.Strategy",
    "a plugin": "payload.Strategy",
    "a plugin within": "payload.embeddings.Strategy",
    "with a newline": '"vitpos.embeddings.axial.Axial\\nos.system"',
    "a reference": "${oc.env:ATTACKED_SECRET}",
    "a number": "1",
    "nothing": "null",
    "a list": "[os.system, touch effect]",
    "a mapping": "{_target_: os.system}",
}


def target(name: str) -> Attack:
    """Another class of the embedding."""

    def prepare(place: Place) -> None:
        place.config((AXIAL, TARGETS[name]))
        place.unfinished()

    return Attack(prepare, EVERY[:3], codes=(4, 2), says=("config.yaml",) * (name != "a plugin"))


def added(more: str, *says: str) -> Attack:
    """Something at the end of the file."""

    def prepare(place: Place) -> None:
        place.config(more=more)
        place.unfinished()

    return Attack(prepare, EVERY[:3], says=says)


def option(text: str, *says: str) -> Attack:
    """Another option of the embedding."""

    def prepare(place: Place) -> None:
        place.config(("    theta: 100.0", f"    {text}\n    theta: 100.0"))
        place.unfinished()

    return Attack(prepare, EVERY[:3], codes=(2, 4), says=says)


def changed(*changes: tuple[str, str], says: tuple[str, ...] = ()) -> Attack:
    """Other values."""

    def prepare(place: Place) -> None:
        place.config(*changes)
        place.unfinished()

    return Attack(prepare, EVERY[:3], says=says)


def literal(value: str) -> Attack:
    """A reference in a note, which is text: nobody follows it."""

    def prepare(place: Place) -> None:
        place.config(("notes: harmless", f"notes: {value}"))

    pages = (["report", "RUN", "--only", "appendix"], ["show", "RUN", "--json"])
    return Attack(prepare, (*READ, *pages), codes=(0,), limited=False)


def elsewhere(key: str, value: str, *words: list[str]) -> Attack:
    """A path of the sender's: the run goes on where it lies."""

    def prepare(place: Place) -> None:
        path = value.replace("OUTSIDE", str(place.outside))
        place.config((key, f"{key.partition(':')[0]}: {path}"))
        place.unfinished()

    return Attack(prepare, words or (["resume", "RUN"],), codes=(0,), limited=False)


LAUGHS = "".join(
    f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 9)}]\n" if n else "l0: &l0 [ha]\n" for n in range(10)
)

ATTACKS = {
    **{f"_target_ {name}": target(name) for name in TARGETS},
    "_partial_": option("_partial_: true", "_partial_", "no such option"),
    "_args_": option("_args_: [touch effect]", "_args_", "no such option"),
    "_convert_": option("_convert_: all", "_convert_", "no such option"),
    "_recursive_": option("_recursive_: true", "_recursive_", "no such option"),
    "_target_ in an option": option("scale2: {_target_: os.system}", "config.yaml"),
    "_target_ in a list": changed(
        ("betas:", "betas_:\n  - {_target_: os.system, _args_: [touch effect]}\n  betas:"),
    ),
    "_target_ at the top": added("_target_: os.system\n_args_: [touch effect]\n", "_target_"),
    "_target_ of the training": changed(("training:\n", "training:\n  _target_: os.system\n")),
    "callbacks": added(
        "hydra:\n  callbacks:\n    x:\n      _target_: os.system\n", "unknown key hydra"
    ),
    "job_logging": added(
        "hydra:\n  job_logging: {handlers: {x: {class: logging.FileHandler, filename: effect}}}\n",
        "unknown key hydra",
    ),
    "searchpath": added("hydra:\n  searchpath: ['file://.']\n", "unknown key hydra"),
    "run dir": added("hydra:\n  run: {dir: ../../effect}\n", "unknown key hydra"),
    "defaults": added("defaults:\n  - /payload\n  - override hydra/launcher: x\n", "defaults"),
    "a plugin in a config": added("plugin: payload\nplugins: [payload]\n", "unknown key plugin"),
    "a launcher": added("launcher: {_target_: payload.Launcher}\n", "unknown key launcher"),
    "a sweeper": added("hydra/sweeper: {_target_: payload.Sweeper}\n", "unknown key"),
    "rules that divide by zero": changed(("multiple_of: 4", "multiple_of: 0")),
    "rules that are text": changed(("above: 1", "above: {_target_: os.system}")),
    "a reference oc.env": literal("${oc.env:ATTACKED_SECRET}"),
    "a reference oc.decode": literal("${oc.decode:${oc.env:ATTACKED_SECRET}}"),
    "a reference that is put together": literal("${oc.${name}:ATTACKED_SECRET}"),
    "a reference oc.create": changed(
        ("notes: harmless", "notes: {a: '${oc.create:${oc.env:ATTACKED_SECRET}}'}")
    ),
    "a reference now": changed(("seed: 0\n", "seed: ${now:%S}\n")),
    "a reference of their own": changed(("seed: 0\n", "seed: ${payload:effect}\n")),
    "the laughs": added(LAUGHS, "aliases and tags are not read"),
    "an alias of itself": added("a: &a [*a]\n", "aliases and tags are not read"),
    "a merge": added("b: &b {seed: 1}\n<<: *b\n", "aliases and tags are not read"),
    "a merge key": added("<<: {seed: 1}\n", "config.yaml"),
    "a tag of Python": added("x: !!python/object/apply:os.system ['touch effect']\n", "tags"),
    "a tag of a module": added("x: !!python/module:payload\n", "tags"),
    "a tag of one's own": added("%TAG ! tag:yaml.org,2002:python/\n", "config.yaml"),
    "deep": added(f"x: {'[' * 30_000}\n", "too deep"),
    "deep in blocks": added(f"x:\n {'- ' * 5000}\n", "too deep"),
    "a long key": added(f"? {'k' * 50_000}\n: 1\n"),
    "many keys": added("".join(f"k{n}: 1\n" for n in range(5000))),
    "a long number": changed(("seed: 0\n", f"seed: {'9' * 40_000}\n")),
    "a number in another base": changed(("seed: 0\n", f"seed: {'1:' * 9000}1\n")),
    "megabytes": added("#" * 2**23, "too many"),
    "another document": added("---\nseed: 1\n", "config.yaml"),
    "outputs elsewhere": elsewhere("outputs: ", "OUTSIDE"),
    "outputs at home": elsewhere("outputs: ", "~"),
    "a study up": changed(("study: runs", "study: ../../../outside"), says=("study =",)),
    "a name up": changed(("name: null", "name: ../../effect"), says=("name =",)),
    "an absolute name": changed(("name: null", "name: /effect"), says=("name =",)),
    "data of the whole disk": changed(
        ("source: embedded", "source: folder"), ("root: null", "root: /"), says=("/",)
    ),
    "data of processes": changed(
        ("source: embedded", "source: folder"), ("root: null", "root: /proc/self")
    ),
}  # fmt: skip
ATTACKS["data of the whole disk"] = Attack(
    ATTACKS["data of the whole disk"].prepare, EVERY[:1], codes=(3, 4)
)
ATTACKS["data of processes"] = Attack(ATTACKS["data of processes"].prepare, EVERY[:1], (3, 4))
