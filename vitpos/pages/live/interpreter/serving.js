'use strict';
// Inside a worker: a graph comes once, then pictures; answers go back.

let served = null;

function serve({data: {kind, told, bytes, number, pixels}}) {
  try {
    if (kind === 'graph') {
      served = readGraph(told, bytes);
      postMessage({kind: 'ready'});
    } else {
      const begun = performance.now();
      const answers = runGraph(served, pixels);
      postMessage({kind: 'answer', number, answers, milliseconds: performance.now() - begun});
    }
  } catch (error) {
    postMessage({kind: 'failed', number, why: String(error.message ?? error)});
  }
}
