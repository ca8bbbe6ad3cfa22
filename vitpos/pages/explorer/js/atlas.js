'use strict';
// Many small maps in one picture, with open lines between them: layers by heads, or cells by cells.

/** Tiles [down, across, high, wide] as one field of values with gaps. */
function tiled(values, [down, across, high, wide]) {
  const width = across * (wide + 1) - 1;
  const height = down * (high + 1) - 1;
  const field = new Float64Array(width * height).fill(GAP);
  for (let tile = 0; tile < down * across; tile++) {
    const top = Math.floor(tile / across) * (high + 1);
    const left = (tile % across) * (wide + 1);
    for (let row = 0; row < high; row++) {
      const start = (tile * high + row) * wide;
      field.set(values.subarray(start, start + wide), (top + row) * width + left);
    }
  }
  return {width, height, values: field};
}

/** Which tile a place is in, and where in it; null between tiles. */
function inTile(col, row, [, , high, wide]) {
  const inner = {row: row % (high + 1), col: col % (wide + 1)};
  if (inner.row === high || inner.col === wide) return null;
  return {down: Math.floor(row / (high + 1)), across: Math.floor(col / (wide + 1)), ...inner};
}

function markOfTile(down, across, [, , high, wide]) {
  return {col: across * (wide + 1), row: down * (high + 1), width: wide, height: high};
}

/** All layers and heads of something; choosing a tile chooses its layer and head. */
function atlas(name, one, told) {
  const {shape, layers, words} = told;
  const [, heads] = shape;
  const at = placeOfLayer(layers, one);
  const head = headOf(heads);
  const marked = head < 0 ? rangeOf(0, heads) : [head];
  const field = tiled(told.values, shape);
  return picture(name, {
    ...told, ...field,
    cell: atlasCell(field),
    place: (col, row) => {
      const tile = inTile(col, row, shape);
      return tile && `layer ${layers[tile.down]}, `
        + `${headWords(heads, tile.across)}, ${words(tile.row, tile.col)}`;
    },
    marks: at < 0 ? [] : marked.map(across => markOfTile(at, across, shape)),
    pick: (col, row) => pickTile(one, layers, heads, inTile(col, row, shape)),
    pickWords: 'chooses the layer and the head',
    heads: null,
  });
}

function atlasCell({width, height}) {
  const side = Math.max(1, Math.min(16, Math.floor(400 / Math.max(width, height))));
  return [side, side];
}

function pickTile(one, layers, heads, tile) {
  const layer = layersOf(one).indexOf(layers[tile.down]);
  choose({...(layer >= 0 ? {layer} : {}), ...(heads > 1 ? {head: tile.across} : {})});
}
