'use strict';
// All layers and heads at once, small: what the chosen query reads in each.

/** A picture of tiles, layers down and heads across; picking one chooses it. */
function picturesOfHeads(live, chosen, read, pick) {
  const [rows, cols] = live.grid;
  const layers = live.blocks.flatMap(({heads}, layer) => (heads ? [layer] : []));
  const most = Math.max(...layers.map(layer => live.blocks[layer].heads));
  const [width, height] = [most * (cols + 1) - 1, layers.length * (rows + 1) - 1];
  const values = new Float64Array(width * height).fill(GAP);
  layers.forEach((layer, down) => {
    for (let head = 0; head < live.blocks[layer].heads; head++) {
      read(layer, head).forEach((value, cell) => {
        const row = down * (rows + 1) + Math.floor(cell / cols);
        values[row * width + head * (cols + 1) + cell % cols] = value;
      });
    }
  });
  const tile = (col, row) => [layers[Math.floor(row / (rows + 1))], Math.floor(col / (cols + 1))];
  return picture('live-heads', {
    width, height, values, low: 0, high: extent(values)[1], palette: 'cividis', unit: 'share of attention',
    caption: 'All layers (down) and heads (across)',
    cell: cellFor(width, height, 288),
    place: (col, row) => {
      if (values[row * width + col] === GAP) return null;
      const [layer, head] = tile(col, row);
      return `layer ${layer}, head ${head}, `
        + cellName(live, (row % (rows + 1)) * cols + col % (cols + 1));
    },
    pick: (col, row) => pick(...tile(col, row)),
    pickWords: 'chooses the head',
  });
}
