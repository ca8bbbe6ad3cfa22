'use strict';
// Images of the data set, whole, cut into patches, and in a row of tokens.

function imageOf(someFrame, index) {
  return someFrame.images[index];
}

function pixelsOf(someFrame, index) {
  return codesOf(imageOf(someFrame, index).pixels);
}

/** The class that an image shows, in words. */
function className(someFrame, label) {
  if (label === null || label === undefined) return 'unknown';
  return String(someFrame.classes?.[label] ?? label);
}

/** Pixels from one cell to the next, down and right. */
function stepOfCells({size: [height, width], grid: [rows, cols]}) {
  return [Math.max(1, Math.floor(height / rows)), Math.max(1, Math.floor(width / cols))];
}

/** The pixels of one cell. */
function patchPixels(someFrame, index, cell) {
  const {size: [, width], channels, grid: [, cols]} = someFrame;
  const [high, wide] = stepOfCells(someFrame);
  const top = Math.floor(cell / cols) * high;
  const left = (cell % cols) * wide;
  const all = pixelsOf(someFrame, index);
  const found = new Uint8Array(high * wide * channels);
  for (let row = 0; row < high; row++) {
    const start = ((top + row) * width + left) * channels;
    found.set(all.subarray(start, start + wide * channels), row * wide * channels);
  }
  return {width: wide, height: high, channels, pixels: found};
}

/** An image with a pixel left open between patches of this side. */
function explodedPixels(someFrame, index, [high, wide]) {
  const {size: [height, width], channels} = someFrame;
  const all = pixelsOf(someFrame, index);
  const rows = Math.ceil(height / high);
  const cols = Math.ceil(width / wide);
  const wideAll = width + cols - 1;
  const pixels = new Array((height + rows - 1) * wideAll * channels).fill(null);
  for (let row = 0; row < height; row++) {
    for (let col = 0; col < width; col++) {
      const to = (row + Math.floor(row / high)) * wideAll + col + Math.floor(col / wide);
      for (let channel = 0; channel < channels; channel++) {
        pixels[to * channels + channel] = all[(row * width + col) * channels + channel];
      }
    }
  }
  return {width: wideAll, height: height + rows - 1, channels, pixels, rows, cols};
}

/** `patch 5 (row 1, column 1)` */
function cellWords(someFrame, cell) {
  const [, cols] = someFrame.grid;
  return `patch ${cell} (row ${Math.floor(cell / cols)}, column ${cell % cols})`;
}

/** The words for a place on a grid of patches, for pictures with one value per patch. */
function cellPlace(someFrame) {
  const [, cols] = someFrame.grid;
  return (col, row) => cellWords(someFrame, row * cols + col);
}

/** What pictures with one value per patch share: where the chosen one is, and how to choose. */
function onTheGrid(someFrame) {
  const [rows, cols] = someFrame.grid;
  const picks = someFrame === frame();
  return {
    width: cols,
    height: rows,
    place: cellPlace(someFrame),
    marks: picks ? [{col: state.patch % cols, row: Math.floor(state.patch / cols)}] : [],
    pick: picks ? (col, row) => choose({patch: row * cols + col}) : null,
    pickWords: 'chooses the patch',
    heads: {rows: rangeOf(0, rows).map(row => `row ${row}`),
      cols: rangeOf(0, cols).map(col => `column ${col}`)},
  };
}

/** The tokens of a frame in order, in words: those in front first. */
function tokenNames(someFrame) {
  return [...someFrame.prefix,
    ...rangeOf(0, cellsOf(someFrame)).map(cell => cellWords(someFrame, cell))];
}

function tokenOfPatch(someFrame, cell) {
  return someFrame.prefix.length + cell;
}
