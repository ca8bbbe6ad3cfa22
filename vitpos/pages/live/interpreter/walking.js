'use strict';
// Numbers of a tensor lie one after another in memory. An operand says how to walk them: which
// buffer, where to begin, and how far it is to the next number along each axis. A stride of 0
// repeats. So nothing has to be copied to be transposed, cut or repeated.

/** What an operand of the graph says; a plain number is a whole buffer in order. */
function operandOf(told, shape, buffers) {
  if (typeof told === 'number') return {data: buffers[told], at: 0, strides: inOrder(shape)};
  const [number, at, strides] = told;
  return {data: buffers[number], at, strides};
}

/** The strides of numbers that lie in the order of their axes, the last one fastest. */
function inOrder(shape) {
  const strides = new Array(shape.length);
  let step = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    strides[axis] = step;
    step *= shape[axis];
  }
  return strides;
}

function sizeOf(shape) {
  return shape.reduce((product, side) => product * side, 1);
}

/**
 * A walk over all places of a shape as rows: how long they are, how far a step within one is for
 * each operand, and where each row begins. Axes that all operands walk alike become one.
 */
function rowsOf(shape, operands) {
  const axes = merged(shape, operands.map(operand => operand.strides));
  const last = axes.pop() ?? {side: 1, strides: operands.map(() => 0)};
  const starts = operands.map((operand, i) => beginnings(axes, i, operand.at));
  return {length: last.side, steps: last.strides, starts, count: starts[0].length};
}

function merged(shape, strides) {
  const axes = [];
  shape.forEach((side, axis) => {
    if (side === 1) return;
    const own = strides.map(of => of[axis]);
    const before = axes.at(-1);
    if (before && own.every((step, i) => before.strides[i] === step * side)) {
      before.side *= side;
      before.strides = own;
    } else {
      axes.push({side, strides: own});
    }
  });
  return axes;
}

function beginnings(axes, operand, at) {
  let starts = Int32Array.of(at);
  for (const {side, strides} of axes) {
    const next = new Int32Array(starts.length * side);
    for (let i = 0; i < next.length; i++) {
      next[i] = starts[Math.floor(i / side)] + (i % side) * strides[operand];
    }
    starts = next;
  }
  return starts;
}

/** A function that copies an operand into memory, one number after another from `to` on. */
function copier(shape, operand, out, to = 0) {
  const {length, steps: [step], starts: [starts], count} = rowsOf(shape, [operand]);
  const {data} = operand;
  return () => {
    let at = to;
    for (let row = 0; row < count; row++) {
      for (let i = 0, from = starts[row]; i < length; i++, from += step) out[at++] = data[from];
    }
  };
}
