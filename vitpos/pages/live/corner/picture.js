'use strict';
// What the network is shown: pixels as they lie, row by row, channels last; where the patch of each
// cell came from; and in which cell the network is told that it lies. Every change makes a new one.

/** An image as it is; `label` is the number of its class, null if that is not known. */
function untouched({pixels, label = null}, cells) {
  const inPlace = Array.from({length: cells}, (_, i) => i);
  return {pixels, label, from: inPlace, told: inPlace};
}

/** Calls `visit(at, i)` for the pixels of a cell: where each lies, and its number in the cell. */
function eachOfCell({grid, size, channels}, cell, visit) {
  const [height, width] = [size[0] / grid[0], size[1] / grid[1]];
  const [top, left] = [Math.floor(cell / grid[1]) * height, (cell % grid[1]) * width];
  let i = 0;
  for (let row = 0; row < height; row++) {
    const line = ((top + row) * size[1] + left) * channels;
    for (let x = 0; x < width * channels; x++) visit(line + x, i++);
  }
}

/** Pixels with the patch of cell order[c] in each cell c. */
function rearranged(frame, pixels, order) {
  const found = pixels.slice();
  order.forEach((source, cell) => {
    if (source === cell) return;
    const places = [];
    eachOfCell(frame, source, at => places.push(at));
    eachOfCell(frame, cell, (at, i) => { found[at] = pixels[places[i]]; });
  });
  return found;
}

/** The same patches in another order. */
function reordered(frame, picture, order) {
  return {
    ...picture,
    pixels: rearranged(frame, picture.pixels, order),
    from: order.map(source => picture.from[source]),
  };
}

/** The same pixels, and the network told that patches lie as if they were in this order. */
function retold(picture, order) {
  return {...picture, told: order.map(source => picture.told[source])};
}

function exchange(count, a, b) {
  return Array.from({length: count}, (_, i) => (i === a ? b : i === b ? a : i));
}

/** Every order is as likely as any other (Fisher and Yates). */
function shuffledOrder(count) {
  const order = Array.from({length: count}, (_, i) => i);
  for (let i = count - 1; i > 0; i--) {
    const other = Math.floor(Math.random() * (i + 1));
    [order[i], order[other]] = [order[other], order[i]];
  }
  return order;
}

/** Shifted by whole pixels; what comes in over the border is black. */
function shifted({size: [height, width], channels}, picture, down, right) {
  const pixels = new Uint8Array(picture.pixels.length);
  for (let row = Math.max(0, down); row < Math.min(height, height + down); row++) {
    for (let col = Math.max(0, right); col < Math.min(width, width + right); col++) {
      const from = ((row - down) * width + col - right) * channels;
      pixels.set(picture.pixels.subarray(from, from + channels), (row * width + col) * channels);
    }
  }
  return {...picture, pixels};
}

/** A round dot of a pen that is two pixels wide and fades out; `dark` rubs out. */
function dotted({size: [height, width], channels}, picture, row, col, dark) {
  const pixels = picture.pixels.slice();
  for (let y = Math.floor(row) - 2; y <= row + 2; y++) {
    for (let x = Math.floor(col) - 2; x <= col + 2; x++) {
      if (y < 0 || x < 0 || y >= height || x >= width) continue;
      const ink = 255 * Math.max(0, Math.min(1, 1.7 - Math.hypot(y + 0.5 - row, x + 0.5 - col)));
      const at = (y * width + x) * channels;
      for (let c = at; c < at + channels; c++) {
        pixels[c] = dark ? Math.min(pixels[c], 255 - ink) : Math.max(pixels[c], ink);
      }
    }
  }
  return {...picture, pixels};
}

/** Dots along a straight line, near enough to touch. */
function lined(frame, picture, from, to, dark) {
  const count = Math.max(1, Math.ceil(2 * Math.hypot(to[0] - from[0], to[1] - from[1])));
  for (let i = 1; i <= count; i++) {
    const [row, col] = [0, 1].map(axis => from[axis] + (to[axis] - from[axis]) * i / count);
    picture = dotted(frame, picture, row, col, dark);
  }
  return picture;
}

/** What goes into the network: each patch where it is told to lie, channel by channel. */
function networkPixels(frame, picture) {
  const order = [];
  picture.told.forEach((place, cell) => { order[place] = cell; });
  const pixels = rearranged(frame, picture.pixels, order);
  const {size: [height, width], channels} = frame;
  return Float32Array.from({length: pixels.length}, (_, i) => {
    const channel = Math.floor(i / (height * width));
    return pixels[(i % (height * width)) * channels + channel];
  });
}
