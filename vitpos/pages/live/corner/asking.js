'use strict';
// Asks the network: in a worker if there can be one, else on the page, a little at a time. While it
// thinks, only the latest question waits; those in between are never asked.

/** `answered(answers, milliseconds, tag)` is called with what it said; `failed(why)` if it cannot. */
function network(told, bytes, {answered, failed}) {
  const state = {busy: true, waiting: null, tag: null, begun: 0};
  const heard = message => hear(state, message, {answered, failed});
  state.send = inWorker(told, bytes, heard) ?? onPage(told, bytes, heard);
  return {ask: (pixels, tag) => ask(state, pixels, tag)};
}

function ask(state, pixels, tag) {
  if (state.busy) {
    state.waiting = [pixels, tag];
    return;
  }
  state.busy = true;
  state.tag = tag;
  state.send(pixels);
}

function hear(state, {kind, answers, milliseconds, why}, {answered, failed}) {
  if (kind === 'failed') {
    failed(why);
    return;
  }
  state.busy = false;
  if (kind === 'answer') answered(answers, milliseconds, state.tag);
  if (state.waiting && !state.busy) {
    const [pixels, tag] = state.waiting;
    state.waiting = null;
    ask(state, pixels, tag);
  }
}

/** Null where the browser lets no worker start from a page in a file. */
function inWorker(told, bytes, heard) {
  const text = `const {serve} = (${interpreter})();\nonmessage = serve;`;
  try {
    const address = URL.createObjectURL(new Blob([text], {type: 'text/javascript'}));
    const worker = new Worker(address);
    URL.revokeObjectURL(address);
    const question = {send: pixels => worker.postMessage({kind: 'picture', pixels})};
    worker.onmessage = ({data}) => heard(data);
    worker.onerror = event => {
      event.preventDefault();
      worker.terminate();
      question.send = onPage(told, bytes, heard);
    };
    worker.postMessage({kind: 'graph', told, bytes});
    return pixels => question.send(pixels);
  } catch {
    return null;
  }
}

function onPage(told, bytes, heard) {
  const {readGraph, runGraphInSlices} = interpreter();
  const pause = () => new Promise(resolve => { setTimeout(resolve, 0); });
  let graph = null;
  const trying = async action => {
    try {
      heard(await action());
    } catch (error) {
      heard({kind: 'failed', why: String(error.message ?? error)});
    }
  };
  setTimeout(() => trying(() => {
    graph = readGraph(told, bytes);
    return {kind: 'ready'};
  }), 0);
  return pixels => trying(async () => {
    const begun = performance.now();
    const answers = await runGraphInSlices(graph, pixels, pause);
    return {kind: 'answer', answers, milliseconds: performance.now() - begun};
  });
}
