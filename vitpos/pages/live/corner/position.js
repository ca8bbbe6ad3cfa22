'use strict';
// What position adds to tokens in front of the first block.

function newPosition() {
  const place = make('div');
  return {node: make('div', {class: 'live-position'}, make('h3', {}, 'Position added'), place), place};
}

function showPosition({place}, {live, shown, now, chosen}) {
  if (!live.adds) {
    place.replaceChildren(paragraph('Nothing is added to tokens in front of the first block: this '
      + 'strategy has its say elsewhere. Look at the attention.'));
    return;
  }
  const told = {live, answer: now, told: shown.told};
  const {before, added, entered} = tokenVectors(told, chosen);
  const lengths = Float64Array.from(shown.told, (_, cell) => lengthOf(tokenVectors(told, cell).added));
  const share = lengthOf(added) / lengthOf(before);
  arrange(place, [
    picture('live-added', {
      ...onLiveGrid(live, chosen), ...scaleOf(lengths, false), values: lengths, unit: 'length',
      caption: 'How long the vector is that each patch gets',
      note: `To ${cellName(live, chosen)}: a vector ${sayPercent(share, 0)} as long as the token.`,
    }),
    stripOf(live, chosen, before, added, entered),
  ]);
}

/** Three rows of numbers: the token, what is added, and what enters the first block. */
function stripOf(live, chosen, ...vectors) {
  const {dim} = live;
  const values = new Float64Array(3 * dim);
  vectors.forEach((vector, i) => values.set(vector, i * dim));
  const names = ['token', 'added', 'enters'];
  return picture('live-strip', {
    width: dim, height: 3, values, ...scaleOf(values, true),
    cell: [Math.max(1, Math.floor(288 / dim)), 16],
    caption: `Token of ${cellName(live, chosen)}: as it comes, what is added, what enters`,
    place: (col, row) => `${names[row]}, number ${col}`,
    heads: {rows: names},
  });
}

function cellName({grid: [, cols]}, cell) {
  return `patch ${cell} (row ${Math.floor(cell / cols)}, column ${cell % cols})`;
}

/** What pictures with one value per patch share. */
function onLiveGrid(live, chosen) {
  const [rows, cols] = live.grid;
  return {
    width: cols,
    height: rows,
    cell: cellFor(cols, rows, 196),
    place: (col, row) => cellName(live, row * cols + col),
    marks: [{col: chosen % cols, row: Math.floor(chosen / cols)}],
  };
}
