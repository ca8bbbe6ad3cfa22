'use strict';
// Values as colours. Cividis is for magnitudes and PuOr, white at zero, for values with a sign.
// What is not a number is grey; what is not there at all (`GAP`) is left open.

const GAP = -Infinity;
const LITTLE = new Uint8Array(new Uint32Array([1]).buffer)[0] === 1; // the byte order of this machine
const GREY = pixelOf(128, 128, 128);
const palettes = {};

/** One opaque pixel as canvas memory has it. */
function pixelOf(red, green, blue) {
  return LITTLE
    ? ((255 << 24) | (blue << 16) | (green << 8) | red) >>> 0
    : ((red << 24) | (green << 16) | (blue << 8) | 255) >>> 0;
}

/** Takes the palettes from the payload. */
function readPalettes(told) {
  for (const [name, hex] of Object.entries(told)) {
    const count = hex.length / 6;
    palettes[name] = Uint32Array.from({length: count}, (_, i) => {
      const colour = parseInt(hex.slice(6 * i, 6 * i + 6), 16);
      return pixelOf(colour >> 16, (colour >> 8) & 255, colour & 255);
    });
  }
}

/** Which colour of a palette a value has: the ends are `low` and `high`, the middle if equal. */
function colourIndex(value, low, high, count) {
  const place = high > low ? (value - low) / (high - low) : 0.5;
  return Math.max(0, Math.min(count - 1, Math.floor(place * (count - 1) + 0.5)));
}

/** One pixel per value. */
function paintValues(canvas, {width, height, values, low, high, palette}) {
  const colours = palettes[palette];
  paint(canvas, width, height, i => {
    const value = values[i];
    if (value === GAP) return 0;
    return Number.isNaN(value) ? GREY : colours[colourIndex(value, low, high, colours.length)];
  });
}

/** One pixel per pixel, of 1 or 3 channels; null leaves one open. */
function paintPixels(canvas, {width, height, pixels, channels}) {
  paint(canvas, width, height, i => {
    const at = i * channels;
    if (pixels[at] === null) return 0;
    return channels === 1
      ? pixelOf(pixels[at], pixels[at], pixels[at])
      : pixelOf(pixels[at], pixels[at + 1], pixels[at + 2]);
  });
}

function paint(canvas, width, height, colour) {
  if (canvas.width !== width) canvas.width = width;
  if (canvas.height !== height) canvas.height = height;
  const context = canvas.getContext('2d');
  const image = context.createImageData(width, height);
  const memory = new Uint32Array(image.data.buffer);
  for (let i = 0; i < memory.length; i++) memory[i] = colour(i);
  context.putImageData(image, 0, 0);
}

/** The limits and the palette of some values: with a sign, zero is in the middle. */
function scaleOf(values, signed) {
  const [low, high] = extent(values);
  if (!signed) return {low, high, palette: 'cividis'};
  const reach = Math.max(-low, high);
  return {low: -reach, high: reach, palette: 'PuOr'};
}

/** The limits and the palette that an array of the payload was stored with. */
function scaleOfArray(array) {
  return {low: array.low, high: array.high, palette: isSigned(array) ? 'PuOr' : 'cividis'};
}
