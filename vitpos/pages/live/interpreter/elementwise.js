'use strict';
// What is done to each number by itself.

const OF_ONE = {
  copy: x => x,
  neg: x => -x,
  abs: Math.abs,
  sign: Math.sign,
  exp: Math.exp,
  expm1: Math.expm1,
  log: Math.log,
  log1p: Math.log1p,
  sqrt: Math.sqrt,
  rsqrt: x => 1 / Math.sqrt(x),
  reciprocal: x => 1 / x,
  sin: Math.sin,
  cos: Math.cos,
  tanh: Math.tanh,
  floor: Math.floor,
  relu: x => (x < 0 ? 0 : x),
  sigmoid: x => 1 / (1 + Math.exp(-x)),
  softplus: x => (x > 20 ? x : Math.log1p(Math.exp(x))),
  silu: x => x / (1 + Math.exp(-x)),
  erf,
  gelu: x => 0.5 * x * (1 + erf(x * Math.SQRT1_2)),
  not: x => Number(x === 0),
};

const OF_TWO = {
  add: (x, y) => x + y,
  sub: (x, y) => x - y,
  mul: (x, y) => x * y,
  div: (x, y) => x / y,
  pow: Math.pow,
  atan2: Math.atan2,
  maximum: Math.max,
  minimum: Math.min,
  gt: (x, y) => Number(x > y),
  ge: (x, y) => Number(x >= y),
  lt: (x, y) => Number(x < y),
  le: (x, y) => Number(x <= y),
  eq: (x, y) => Number(x === y),
  ne: (x, y) => Number(x !== y),
  and: (x, y) => Number(x !== 0 && y !== 0),
  or: (x, y) => Number(x !== 0 || y !== 0),
};

/** Abramowitz and Stegun 1964, 7.1.26: within 1.5e-7 of the error function. */
function erf(x) {
  const size = Math.abs(x);
  const t = 1 / (1 + 0.3275911 * size);
  const sum = ((((1.061405429 * t - 1.453152027) * t + 1.421413741) * t - 0.284496736) * t
    + 0.254829592) * t;
  return Math.sign(x) * (1 - sum * Math.exp(-size * size));
}

function ofOne(change) {
  return ({shape, from: [x], out}) => {
    const {length, steps: [step], starts: [starts], count} = rowsOf(shape, [x]);
    return () => {
      let at = 0;
      for (let row = 0; row < count; row++) {
        for (let i = 0, p = starts[row]; i < length; i++, p += step) out[at++] = change(x.data[p]);
      }
    };
  };
}

function ofTwo(combine) {
  return ({shape, from: [x, y], out}) => {
    const {length, steps, starts, count} = rowsOf(shape, [x, y]);
    return () => {
      let at = 0;
      for (let row = 0; row < count; row++) {
        let p = starts[0][row];
        let q = starts[1][row];
        for (let i = 0; i < length; i++, p += steps[0], q += steps[1]) {
          out[at++] = combine(x.data[p], y.data[q]);
        }
      }
    };
  };
}

/** Numbers of the second where the first is true, else of the third. */
function where({shape, from: [chosen, x, y], out}) {
  const {length, steps, starts, count} = rowsOf(shape, [chosen, x, y]);
  return () => {
    let at = 0;
    for (let row = 0; row < count; row++) {
      let [c, p, q] = [starts[0][row], starts[1][row], starts[2][row]];
      for (let i = 0; i < length; i++, c += steps[0], p += steps[1], q += steps[2]) {
        out[at++] = chosen.data[c] ? x.data[p] : y.data[q];
      }
    }
  };
}

/** Products of complex numbers: pairs in memory, real part first; strides count pairs. */
function turn({shape, from: [x, y], out}) {
  const {length, steps, starts, count} = rowsOf(shape, [x, y]);
  return () => {
    let at = 0;
    for (let row = 0; row < count; row++) {
      let p = 2 * starts[0][row];
      let q = 2 * starts[1][row];
      for (let i = 0; i < length; i++, p += 2 * steps[0], q += 2 * steps[1]) {
        const [a, b, c, d] = [x.data[p], x.data[p + 1], y.data[q], y.data[q + 1]];
        out[at++] = a * c - b * d;
        out[at++] = a * d + b * c;
      }
    }
  };
}

/** Complex numbers made of real and imaginary parts. */
function pair({shape, from: [real, imaginary], out}) {
  const {length, steps, starts, count} = rowsOf(shape, [real, imaginary]);
  return () => {
    let at = 0;
    for (let row = 0; row < count; row++) {
      let p = starts[0][row];
      let q = starts[1][row];
      for (let i = 0; i < length; i++, p += steps[0], q += steps[1]) {
        out[at++] = real.data[p];
        out[at++] = imaginary.data[q];
      }
    }
  };
}
