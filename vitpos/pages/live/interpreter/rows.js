'use strict';
// What looks at whole rows of numbers, or moves them about.

/** Along the last axis: positive numbers that sum to one. */
function softmax({shape, from: [x], out}) {
  const width = shape.at(-1);
  const gather = copier(shape, x, out);
  return () => {
    gather();
    for (let begin = 0; begin < out.length; begin += width) {
      let largest = -Infinity;
      for (let i = begin; i < begin + width; i++) largest = Math.max(largest, out[i]);
      let sum = 0;
      for (let i = begin; i < begin + width; i++) {
        out[i] = Math.exp(out[i] - largest);
        sum += out[i];
      }
      for (let i = begin; i < begin + width; i++) out[i] /= sum;
    }
  };
}

/** Along the last axis: mean 0 and variance 1, then a weight and a bias for each number. */
function norm({shape, from: [x, weight, bias], out, epsilon}) {
  const width = shape.at(-1);
  const gather = copier(shape, x, out);
  return () => {
    gather();
    for (let begin = 0; begin < out.length; begin += width) {
      let mean = 0;
      for (let i = begin; i < begin + width; i++) mean += out[i];
      mean /= width;
      let variance = 0;
      for (let i = begin; i < begin + width; i++) variance += (out[i] - mean) ** 2;
      const scale = 1 / Math.sqrt(variance / width + epsilon);
      for (let i = 0; i < width; i++) {
        const normed = (out[begin + i] - mean) * scale;
        const by = weight ? weight.data[weight.at + i * weight.strides[0]] : 1;
        const plus = bias ? bias.data[bias.at + i * bias.strides[0]] : 0;
        out[begin + i] = normed * by + plus;
      }
    }
  };
}

const GATHERED = {
  sum: {begin: 0, add: (sum, x) => sum + x, end: sum => sum},
  mean: {begin: 0, add: (sum, x) => sum + x, end: (sum, count) => sum / count},
  largest: {begin: -Infinity, add: Math.max, end: largest => largest},
  smallest: {begin: Infinity, add: Math.min, end: smallest => smallest},
};

/** One number of many: of all axes but the first `kept`. */
function gathered({begin, add, end}) {
  return ({shape, from: [x], out, kept}) => {
    const count = sizeOf(shape.slice(kept));
    const copy = new Float32Array(sizeOf(shape));
    const gather = copier(shape, x, copy);
    return () => {
      gather();
      for (let i = 0; i < out.length; i++) {
        let sum = begin;
        for (let j = i * count; j < (i + 1) * count; j++) sum = add(sum, copy[j]);
        out[i] = end(sum, count);
      }
    };
  };
}

/** Parts side by side, each at its place; what is left is filled. */
function assemble({parts, fill, out}) {
  const writers = parts.map(({shape, from, to: [at, strides]}) => writer(shape, from, out, at, strides));
  return () => {
    out.fill(fill);
    for (const write of writers) write();
  };
}

function writer(shape, from, out, at, strides) {
  const {length, steps, starts, count} = rowsOf(shape, [from, {at, strides}]);
  return () => {
    for (let row = 0; row < count; row++) {
      let p = starts[0][row];
      let q = starts[1][row];
      for (let i = 0; i < length; i++, p += steps[0], q += steps[1]) out[q] = from.data[p];
    }
  };
}

/** Numbers from places that a table of places names. */
function take({shape, from: [x, places], out}) {
  const whole = new Int32Array(out.length);
  copier(shape, places, whole)(); // the table is known, and does not change
  return () => {
    for (let i = 0; i < whole.length; i++) out[i] = x.data[x.at + whole[i]];
  };
}
