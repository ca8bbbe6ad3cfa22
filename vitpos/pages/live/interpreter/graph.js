'use strict';
// A network as a list of steps. Each step fills one buffer from others that are there already.

const OPERATIONS = {
  ...mapped(OF_ONE, ofOne),
  ...mapped(OF_TWO, ofTwo),
  ...mapped(GATHERED, gathered),
  where, turn, pair, product, convolve, softmax, norm, assemble, take,
};

function mapped(table, make) {
  return Object.fromEntries(Object.entries(table).map(([name, own]) => [name, make(own)]));
}

/** A graph ready to run: `told` is its description, `bytes` hold what it knows. */
function readGraph(told, bytes) {
  const buffers = told.buffers.map(buffer => bufferOf(buffer, bytes));
  const steps = told.steps.map(step => prepared(step, buffers));
  const outputs = told.outputs.map(({shape, from}) => {
    const out = new Float32Array(sizeOf(shape));
    return {out, gather: copier(shape, operandOf(from, shape, buffers), out)};
  });
  return {picture: buffers[told.picture], steps, outputs};
}

/** Memory for the results of a step, or what is known of the network. */
function bufferOf({kind, count, at, scales, width}, bytes) {
  const stored = size => bytes.slice(at, at + size * count).buffer;
  switch (kind) {
    case 'result': return new Float32Array(count);
    case 'float32': return new Float32Array(stored(4));
    case 'int32': return new Int32Array(stored(4));
    case 'float16': return Float32Array.from(new Uint16Array(stored(2)), fromHalf);
    case 'int8': return unscaled(new Int8Array(stored(1)), scalesAt(bytes, scales, count / width), width);
    default: throw new Error(`unknown kind of buffer: ${kind}`);
  }
}

function scalesAt(bytes, at, count) {
  return new Float32Array(bytes.slice(at, at + 4 * count).buffer);
}

/** Whole numbers times the scale of their row. */
function unscaled(codes, scales, width) {
  const found = new Float32Array(codes.length);
  for (let i = 0; i < found.length; i++) found[i] = codes[i] * scales[Math.floor(i / width)];
  return found;
}

/** A number of 16 bits: a sign, five bits of exponent, ten of fraction. */
function fromHalf(bits) {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

function prepared(told, buffers) {
  const step = {...told, out: buffers[told.out]};
  if (told.parts) {
    step.parts = told.parts.map(part => ({...part, from: operandOf(part.from, part.shape, buffers)}));
  } else {
    step.from = told.from.map(from => from === null ? null : operandOf(from, told.shape, buffers));
  }
  const make = OPERATIONS[told.does];
  if (!make) throw new Error(`unknown operation: ${told.does}`);
  return make(step);
}

/** What the network says of a picture: pixels of 0..255, channel by channel. */
function runGraph(graph, pixels) {
  graph.picture.set(pixels);
  for (const step of graph.steps) step();
  return answersOf(graph);
}

/** The same, a little at a time; `pause` is waited for whenever so many milliseconds are over. */
async function runGraphInSlices(graph, pixels, pause, milliseconds = 8) {
  graph.picture.set(pixels);
  let begun = performance.now();
  for (const step of graph.steps) {
    step();
    if (performance.now() - begun > milliseconds) {
      await pause();
      begun = performance.now();
    }
  }
  return answersOf(graph);
}

function answersOf(graph) {
  return graph.outputs.map(({out, gather}) => {
    gather();
    return out.slice();
  });
}
