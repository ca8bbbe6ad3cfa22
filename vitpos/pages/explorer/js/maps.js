'use strict';
// Maps between cells, and rotations: what is added to attention, or turns in it.

const BY_OFFSET = /offset/;

function drawMaps(thing) {
  const byOffset = BY_OFFSET.test(thing.means ?? '');
  const grid = thing.grid ?? frame().grid;
  return {
    words: [paragraph(byOffset
      ? 'Every pair of a query and a key gets a number that depends on their offset alone. The '
        + 'middle of a map is the query itself; a place to the right of it is a key to the right.'
      : 'A map shows how the cell in the middle of the image sees all others, one map per layer '
        + 'and head.')],
    pictures: picturesOfMaps('map', thing, 'values', byOffset, grid, 'number added'),
  };
}

function drawRotation(thing) {
  return {
    words: [paragraph('Queries and keys are turned in pairs of channels, each pair at its own '
      + 'speed along rows and columns. Their dot product then depends on the offset between them: '
      + 'the maps show what becomes of two equal vectors, 1 at no offset.')],
    pictures: [
      frequencyChart(thing),
      ...picturesOfMaps('rotation', thing, 'kernel', true, thing.grid ?? frame().grid,
        'mean cosine'),
    ],
  };
}

/** One map large, all of them small, and the same on another grid. */
function picturesOfMaps(name, thing, key, byOffset, grid, unit) {
  const array = thing[key];
  const {shape} = array;
  const layers = thing.layers ?? rangeOf(0, shape[0]);
  const raw = valuesAt(thing, key);
  const values = byOffset ? turnedTiles(raw, shape) : raw;
  const scale = {...scaleAt(thing, key, values), unit};
  const words = wordsInMap(byOffset, shape, grid);
  const told = {thing, shape, layers, values, scale, words, byOffset, grid, name};
  return [oneMap(told), mapElsewhere(told, unit), atlas(`${name}s`, arm(), {
    ...told, ...scale, unknown: () => 'not looked at',
    caption: `All layers (down) and heads (across), ${timeWords(thing)}`,
  })];
}

function turnedTiles(values, [layers, heads, height, width]) {
  const size = height * width;
  const found = new Float64Array(values.length);
  for (let tile = 0; tile < layers * heads; tile++) {
    found.set(turned(values.subarray(tile * size, (tile + 1) * size)), tile * size);
  }
  return found;
}

function wordsInMap(byOffset, [, , height, width], [, cols]) {
  if (byOffset) return (row, col) => offsetWords(row, col, height, width);
  return (row, col) => `patch ${row * cols + col} (row ${row}, column ${col})`;
}

function oneMap({thing, shape, layers, values, scale, words, byOffset, grid, name}) {
  const [, heads, height, width] = shape;
  const at = Math.max(0, placeOfLayer(layers, arm()));
  const size = heads * height * width;
  const maps = values.subarray(at * size, (at + 1) * size);
  const head = headOf(heads);
  const one = head < 0 ? meanOfParts(maps, heads)
    : maps.subarray(head * height * width, (head + 1) * height * width);
  const own = state.range === 'own' ? scaleOf(one, scale.palette === 'PuOr') : {};
  const [row, col] = byOffset ? [(height - 1) / 2, (width - 1) / 2]
    : [Math.floor(grid[0] / 2), Math.floor(grid[1] / 2)];
  return picture(name, {
    caption: `Layer ${layers[at]}, ${headWords(heads)}: ${timeWords(thing)}`,
    width, height, values: one, ...scale, ...own, cell: cellFor(width, height, 280),
    place: (x, y) => words(y, x), marks: [{col, row, kind: 'query'}], unknown: () => 'not looked at',
    heads: byOffset ? offsetHeads(height, width) : null,
  });
}

function mapElsewhere({thing, layers, scale, byOffset, name}, unit) {
  if (!thing.other) return null;
  const {values, rule, grid} = thing.other;
  const [, heads, height, width] = values.shape;
  const at = Math.max(0, placeOfLayer(layers, arm()));
  const one = byOffset ? turned(mapOf(values, at)) : mapOf(values, at);
  const own = state.range === 'own' ? scaleOf(one, scale.palette === 'PuOr') : scaleOfArray(values);
  const words = wordsInMap(byOffset, values.shape, grid);
  return picture(`${name}-elsewhere`, {
    caption: `The same on another grid, ${grid[0]} × ${grid[1]}: layer ${layers[at]}, ${headWords(heads)}, now`,
    note: `How it gets there: ${rule}.`, width, height, values: one, ...own, unit,
    cell: cellFor(width, height, 280), place: (x, y) => words(y, x),
    heads: byOffset ? offsetHeads(height, width) : null,
  });
}

/** Every pair of channels as a point: how fast it turns along columns and rows. */
function frequencyChart(thing) {
  const {frequencies} = thing;
  const layers = thing.layers ?? rangeOf(0, frequencies.length);
  const layer = frequencies.length === 1 ? 0 : Math.max(0, placeOfLayer(layers, arm()));
  const heads = frequencies[layer];
  const chosen = headOf(heads.length);
  const shown = chosen < 0 ? heads.map((_, head) => head) : [chosen];
  const reach = Math.max(1e-9, ...heads.flat(2).map(Math.abs)) * 1.05;
  const axis = label => ({label, low: -reach, high: reach});
  return chart('frequencies', {
    caption: `How fast the pairs of channels turn: ${
      frequencies.length === 1 ? 'all layers' : `layer ${layers[layer]}`}, ${
      heads.length === 1 ? 'all heads' : headWords(heads.length).replace('mean of', 'all')}`,
    note: 'Points on an axis turn along rows or along columns only; far out they turn fast. '
      + `The slowest here needs ${wavelengthWords(heads, Math.max)} for a turn, the fastest `
      + `${wavelengthWords(heads, Math.min)}.`,
    x: axis('radians per column'), y: axis('radians per row'), square: true,
    series: shown.map(head => ({
      name: heads.length === 1 ? 'all heads' : `head ${head}`, head,
      points: heads[head].map(([row, col], pair) => ({x: col, y: row,
        words: `pair ${pair}: ${say(row)} radians per row, ${say(col)} per column`})),
    })),
    rules: [{x: 0}, {y: 0}],
  });
}

function wavelengthWords(heads, choice) {
  const speeds = heads.flat().map(([row, col]) => Math.hypot(row, col)).filter(speed => speed > 1e-9);
  return speeds.length ? `${say(choice(...speeds.map(speed => (2 * Math.PI) / speed)))} patches`
    : 'for ever';
}
