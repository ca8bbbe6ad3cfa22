'use strict';
// A table of positions: the same numbers as rows of tokens and as a map of the image, and what
// follows from them.

function drawTable(thing) {
  const grid = thing.grid ?? frame().grid;
  const values = valuesAt(thing, 'now');
  const scale = scaleAt(thing, 'now', values);
  const when = timeWords(thing);
  const [cells, dim] = thing.now.shape;
  const cosines = state.time === 'now' && thing.similarity
    ? valuesOf(thing.similarity) : cosinesOf(values, cells, dim);
  const told = {thing, grid, values, scale, when, dim, cells, cosines};
  return {
    words: [paragraph('A table gives every patch a vector. Read it in two ways: as a sequence of '
      + 'tokens, where each row is one patch, or as maps of the image, where each dimension is one '
      + 'map. A row alone looks like a tag; a dimension shows whether there is an order in it.')],
    pictures: [asTokens(told), asGrid(told), asElsewhere(told), asColours(told),
      asSimilarity(told), asTiles(told)],
  };
}

/** What pictures of one value per cell share, if these cells are the patches of the image. */
function cellsOfObject({grid: [rows, cols]}) {
  const here = frame();
  if (here.grid[0] === rows && here.grid[1] === cols) return onTheGrid(here);
  return {width: cols, height: rows, place: (col, row) => `row ${row}, column ${col}`};
}

function asTokens(told) {
  const {thing, values, scale, dim, cells, when} = told;
  const prefix = state.time === 'now' && thing.prefix ? valuesOf(thing.prefix) : new Float64Array();
  const all = new Float64Array(prefix.length + values.length);
  all.set(prefix);
  all.set(values, prefix.length);
  const first = prefix.length / dim;
  const names = [...frame().prefix.slice(0, first),
    ...rangeOf(0, cells).map(cell => cellsOfObject(told).place(cell % told.grid[1],
      Math.floor(cell / told.grid[1])))];
  return picture('table', {
    caption: `Token view: a row per token, a column per dimension, ${when}`,
    width: dim, height: cells + first, values: all, ...scale,
    cell: [Math.max(2, Math.floor(620 / dim)), Math.max(3, Math.min(16, Math.floor(340 / cells)))],
    place: (col, row) => `${names[row]}, dimension ${col}`,
    marks: [{col: 0, row: first + state.patch, width: dim, height: 1},
      {col: state.channel, row: 0, width: 1, height: cells + first, kind: 'column'}],
    pick: (col, row) => choose({channel: col, ...(row >= first ? {patch: row - first} : {})}),
    pickWords: 'chooses the patch and the dimension',
    heads: {rows: names},
  });
}

function asGrid(told) {
  const {values, scale, dim, cells, when} = told;
  const one = Float64Array.from({length: cells}, (_, cell) => values[cell * dim + state.channel]);
  const own = state.range === 'own' ? scaleOf(one, scale.palette === 'PuOr') : scale;
  const grid = cellsOfObject(told);
  return picture('table-grid', {
    ...grid, caption: `Grid view: dimension ${state.channel} on the image, ${when}`,
    values: one, ...own, cell: cellFor(grid.width, grid.height, 224),
  });
}

function asColours(told) {
  const grid = cellsOfObject(told);
  return picture('table-colours', {
    ...grid, caption: 'All dimensions at once: the three main components as red, green, blue, now',
    note: 'Cells with like colours have like vectors.',
    pixels: codesOf(told.thing.colours), channels: 3, cell: cellFor(grid.width, grid.height, 224),
  });
}

/** Cosines between all cells; those of now are stored. */
function cosinesOf(values, cells, dim) {
  const found = new Float64Array(cells * cells);
  const rows = rangeOf(0, cells).map(cell => values.subarray(cell * dim, (cell + 1) * dim));
  const sizes = rows.map(row => Math.sqrt(row.reduce((sum, value) => sum + value * value, 0)));
  for (let i = 0; i < cells; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = 0;
      for (let k = 0; k < dim; k++) sum += rows[i][k] * rows[j][k];
      const cosine = sum / (sizes[i] * sizes[j]);
      found[i * cells + j] = cosine;
      found[j * cells + i] = cosine;
    }
  }
  return found;
}

const COSINE = {low: -1, high: 1, palette: 'cividis', unit: 'cosine'};

function cosineScale(values) {
  return state.range === 'own' ? {...scaleOf(values, false), unit: 'cosine'} : COSINE;
}

function asSimilarity(told) {
  const grid = cellsOfObject(told);
  const cell = Math.min(state.patch, told.cells - 1);
  const row = told.cosines.subarray(cell * told.cells, (cell + 1) * told.cells);
  return picture('table-similarity', {
    ...grid, caption: `How alike the vectors are to that of patch ${cell}, ${told.when}`,
    values: row, ...cosineScale(row), cell: cellFor(grid.width, grid.height, 224),
  });
}

function asTiles(told) {
  const [rows, cols] = told.grid;
  const values = told.cosines;
  const shape = [rows, cols, rows, cols];
  const field = tiled(values, shape);
  const cells = cellsOfObject(told);
  return picture('table-tiles', {
    caption: `The same for every patch: tile (r, c) compares patch (r, c) with all, ${told.when}`,
    ...field, ...cosineScale(values),
    cell: cellFor(field.width, field.height, 340),
    place: (col, row) => {
      const tile = inTile(col, row, shape);
      return tile && `${cells.place(tile.across, tile.down)} with ${cells.place(tile.col, tile.row)}`;
    },
    marks: [markOfTile(Math.floor(state.patch / cols), state.patch % cols, shape)],
    pick: (col, row) => {
      const {down, across} = inTile(col, row, shape);
      choose({patch: down * cols + across});
    },
    pickWords: 'chooses the patch of the tile',
  });
}

/** The table on a grid that it was not trained for. */
function asElsewhere({thing, dim, scale}) {
  if (!thing.other) return null;
  const {grid: [rows, cols], rule, values} = thing.other;
  const all = valuesOf(values);
  const one = Float64Array.from({length: rows * cols}, (_, cell) => all[cell * dim + state.channel]);
  const shared = state.range === 'own' ? scaleOf(one, scale.palette === 'PuOr') : scaleOfArray(values);
  return picture('table-elsewhere', {
    caption: `Grid view on another grid, ${rows} × ${cols}: dimension ${state.channel}, now`,
    note: `How it gets there: ${rule}.`, width: cols, height: rows, values: one, ...shared,
    cell: cellFor(cols, rows, 224), place: (col, row) => `row ${row}, column ${col}`,
  });
}
