'use strict';
// Products of matrices, and convolutions: almost all of the time goes by here.

/** Each matrix of a stack times another: [batch, m, k] times [batch, k, n], plus a third. */
function product({shape: [batch, m, n, k], from: [a, b, plus], out}) {
  const left = laidOut(a, batch, m, k, [1, 2]);
  const right = laidOut(b, batch, n, k, [2, 1]);
  const begin = plus ? copier([batch, m, n], plus, out) : () => out.fill(0);
  return () => {
    begin();
    left.pack();
    right.pack();
    for (let i = 0; i < batch; i++) {
      multiply(out.subarray(i * m * n, (i + 1) * m * n), left.of(i), right.of(i), m, n, k);
    }
  };
}

/** The rows of a matrix one after another: where they lie, if they lie so, or in a copy. */
function laidOut({data, at, strides}, batch, rows, k, [byRow, byNumber]) {
  const apart = strides[0];
  if (strides[byNumber] === 1 && strides[byRow] === k) {
    return {pack() {}, of: i => data.subarray(at + i * apart, at + i * apart + rows * k)};
  }
  const copies = apart === 0 ? 1 : batch;
  const copy = new Float32Array(copies * rows * k);
  const walk = {data, at, strides: [apart, strides[byRow], strides[byNumber]]};
  return {
    pack: copier([copies, rows, k], walk, copy),
    of: i => (copies === 1 ? copy : copy.subarray(i * rows * k, (i + 1) * rows * k)),
  };
}

/** Adds to out[i, j] the sum of a[i, :] b[j, :], for four rows of each at a time. */
function multiply(out, a, b, m, n, k) {
  const [wholeM, wholeN] = [m - m % 4, n - n % 4];
  for (let j = 0; j < wholeN; j += 4) {
    for (let i = 0; i < wholeM; i += 4) fourByFour(out, a, b, i, j, n, k);
    for (let i = wholeM; i < m; i++) oneByFour(out, a, b, i, j, n, k);
  }
  for (let j = wholeN; j < n; j++) {
    for (let i = 0; i < m; i++) out[i * n + j] += dot(a, i * k, b, j * k, k);
  }
}

function dot(a, p, b, q, k) {
  let sum = 0;
  for (let i = 0; i < k; i++) sum += a[p + i] * b[q + i];
  return sum;
}

function oneByFour(out, a, b, i, j, n, k) {
  let [s0, s1, s2, s3] = [0, 0, 0, 0];
  const [q0, q1, q2, q3] = [j * k, (j + 1) * k, (j + 2) * k, (j + 3) * k];
  for (let x = 0, p = i * k; x < k; x++, p++) {
    const left = a[p];
    s0 += left * b[q0 + x];
    s1 += left * b[q1 + x];
    s2 += left * b[q2 + x];
    s3 += left * b[q3 + x];
  }
  const at = i * n + j;
  out[at] += s0;
  out[at + 1] += s1;
  out[at + 2] += s2;
  out[at + 3] += s3;
}

/** Each number that is read is used four times, and sixteen sums stay in registers. */
function fourByFour(out, a, b, i, j, n, k) {
  let [s00, s01, s02, s03, s10, s11, s12, s13] = [0, 0, 0, 0, 0, 0, 0, 0];
  let [s20, s21, s22, s23, s30, s31, s32, s33] = [0, 0, 0, 0, 0, 0, 0, 0];
  const [p0, p1, p2, p3] = [i * k, (i + 1) * k, (i + 2) * k, (i + 3) * k];
  const [q0, q1, q2, q3] = [j * k, (j + 1) * k, (j + 2) * k, (j + 3) * k];
  for (let x = 0; x < k; x++) {
    const [a0, a1, a2, a3] = [a[p0 + x], a[p1 + x], a[p2 + x], a[p3 + x]];
    const b0 = b[q0 + x];
    s00 += a0 * b0; s10 += a1 * b0; s20 += a2 * b0; s30 += a3 * b0;
    const b1 = b[q1 + x];
    s01 += a0 * b1; s11 += a1 * b1; s21 += a2 * b1; s31 += a3 * b1;
    const b2 = b[q2 + x];
    s02 += a0 * b2; s12 += a1 * b2; s22 += a2 * b2; s32 += a3 * b2;
    const b3 = b[q3 + x];
    s03 += a0 * b3; s13 += a1 * b3; s23 += a2 * b3; s33 += a3 * b3;
  }
  let at = i * n + j;
  out[at] += s00; out[at + 1] += s01; out[at + 2] += s02; out[at + 3] += s03;
  at += n;
  out[at] += s10; out[at + 1] += s11; out[at + 2] += s12; out[at + 3] += s13;
  at += n;
  out[at] += s20; out[at + 1] += s21; out[at + 2] += s22; out[at + 3] += s23;
  at += n;
  out[at] += s30; out[at + 1] += s31; out[at + 2] += s32; out[at + 3] += s33;
}

/** Convolutions over rows and columns of images; what lies outside is zero. */
function convolve(step) {
  const {shape: [batch, channels, height, width], from: [, , bias], out} = step;
  const size = height * width;
  return () => {
    for (let plane = 0; plane < batch * channels; plane++) {
      const channel = plane % channels;
      const begin = bias ? bias.data[bias.at + channel * bias.strides[0]] : 0;
      out.fill(begin, plane * size, (plane + 1) * size);
      convolvePlane(step, Math.floor(plane / channels), channel, plane * size);
    }
  };
}

/** Adds to one channel of one image all channels that it reads, by all numbers of its kernel. */
function convolvePlane(step, image, channel, to) {
  const {shape: [, channels], from: [x, kernel], kernel: [reads, down, across], groups} = step;
  const first = Math.floor(channel / (channels / groups)) * reads;
  const [byChannel, byRead, byRow, byCol] = kernel.strides;
  for (let read = 0; read < reads; read++) {
    const from = x.at + image * x.strides[0] + (first + read) * x.strides[1];
    for (let y = 0; y < down; y++) {
      for (let z = 0; z < across; z++) {
        const at = kernel.at + channel * byChannel + read * byRead + y * byRow + z * byCol;
        addShifted(step, from, to, y, z, kernel.data[at]);
      }
    }
  }
}

/** Adds a plane, shifted by a place in the kernel, times the number that is there. */
function addShifted({shape, from: [x], out, ...step}, from, to, y, z, weight) {
  const [, , height, width] = shape;
  const {image: [rows, cols], stride, padding} = step;
  for (let row = 0; row < height; row++) {
    const above = row * stride[0] + y - padding[0];
    if (above < 0 || above >= rows) continue;
    const line = from + above * x.strides[2];
    for (let col = 0; col < width; col++) {
      const beside = col * stride[1] + z - padding[1];
      if (beside < 0 || beside >= cols) continue;
      out[to + row * width + col] += weight * x.data[line + beside * x.strides[3]];
    }
  }
}
