"""What is asked of an image: its class, its place, how two of them lie, the order of its patches.

- `task` is what every task says: answers, loss, metrics; `choice` are those that choose among
  several answers;
- `classify`, `locate`, `relate`, `where` and `jigsaw` are the tasks, and `asked` finds the one of a
  run;
- `canvas` lays images on canvases, from tables; `boxes` is what `locate` measures;
- `rules` is what must hold between a task and the rest of a run.
"""
