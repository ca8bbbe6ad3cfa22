'use strict';
// What the file holds: a description in JSON, and all arrays as one block of bytes.

const FORMAT = 1;
const NOT_A_NUMBER = 255;
const payload = {meta: null, bytes: null, decoded: new Map()};

/** What is wrong, in words for a reader. */
class Trouble extends Error {}

/** Reads the whole file; rejects with a `Trouble` where that cannot be done. */
async function readPayload() {
  payload.meta = readMeta(byId('meta').textContent);
  payload.bytes = await unzip(fromBase64(byId('blob').textContent));
  checkArrays(payload.meta, payload.bytes.length);
}

function readMeta(text) {
  let meta;
  try {
    meta = JSON.parse(text);
  } catch {
    throw new Trouble('The description of the data inside this file is damaged.');
  }
  if (meta.format !== FORMAT) {
    throw new Trouble(`This page reads format ${FORMAT}, and the data has format ${meta.format}.`);
  }
  if (!meta.arms?.length) throw new Trouble('There is no strategy in this file.');
  return meta;
}

function fromBase64(text) {
  let binary;
  try {
    binary = atob(text.trim());
  } catch {
    throw new Trouble('The data inside this file is damaged: it is not base64.');
  }
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < binary.length; i++) bytes[i] = binary.charCodeAt(i);
  return bytes;
}

async function unzip(bytes) {
  if (typeof DecompressionStream === 'undefined') {
    throw new Trouble('This browser cannot unpack the data (it has no DecompressionStream). '
      + 'Browsers from 2023 on can.');
  }
  try {
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('gzip'));
    return new Uint8Array(await new Response(stream).arrayBuffer());
  } catch {
    throw new Trouble('The data inside this file is damaged: it cannot be unpacked.');
  }
}

/** Every array must lie within the bytes. */
function checkArrays(part, length) {
  if (part === null || typeof part !== 'object') return;
  if (isArrayOfPayload(part)) {
    if (part.at + countOf(part.shape) > length) {
      throw new Trouble('The data inside this file is shorter than its description says.');
    }
    return;
  }
  for (const value of Object.values(part)) checkArrays(value, length);
}

function isArrayOfPayload(part) {
  return Number.isInteger(part.at) && Array.isArray(part.shape);
}

function countOf(shape) {
  return shape.reduce((product, side) => product * side, 1);
}

/** The bytes of an array, or of what the first indices leave of it. */
function codesOf(array, ...index) {
  let {at} = array;
  let count = countOf(array.shape);
  index.forEach((position, axis) => {
    count /= array.shape[axis];
    at += position * count;
  });
  return payload.bytes.subarray(at, at + count);
}

/** The same as numbers. */
function valuesOf(array, ...index) {
  const decode = decoderOf(array);
  const codes = codesOf(array, ...index);
  const values = new Float64Array(codes.length);
  for (let i = 0; i < codes.length; i++) values[i] = decode[codes[i]];
  return values;
}

/** What each of the 256 codes of an array means. */
function decoderOf(array) {
  let decode = payload.decoded.get(array);
  if (decode) return decode;
  decode = new Float64Array(256);
  for (let code = 0; code < 256; code++) {
    const place = array.raw ? code / 255 : code / 254;
    const linear = array.gamma === 0.5 ? place * place : place;
    decode[code] = array.raw ? code : array.low + (array.high - array.low) * linear;
  }
  if (!array.raw) decode[NOT_A_NUMBER] = NaN;
  payload.decoded.set(array, decode);
  return decode;
}

/** Whether zero is in the middle of what an array may hold. */
function isSigned(array) {
  return array.low === -array.high;
}
