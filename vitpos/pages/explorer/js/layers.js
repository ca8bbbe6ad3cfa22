'use strict';
// Layers and heads. The choice of a layer is a place in the list of those that a card shows; arrays
// may hold fewer, and then say which.

/** The numbers of the blocks that are shown of a strategy. */
function layersOf(someArm) {
  return someArm.kernel?.layers ?? someArm.attention?.layers
    ?? rangeOf(0, frameOf(someArm).depth);
}

/** The number of the block that is chosen. */
function chosenLayer(someArm) {
  const layers = layersOf(someArm);
  return layers[Math.min(state.layer, layers.length - 1)];
}

/** Where the chosen block lies in an object's own list; -1 if it has nothing there. */
function placeOfLayer(layers, someArm) {
  return layers.indexOf(chosenLayer(someArm));
}

/** The chosen head of so many, -1 for their mean; where there is one it stands for all. */
function headOf(heads) {
  if (heads === 1) return 0;
  return state.head < heads ? state.head : -1;
}

function headWords(heads, head = headOf(heads)) {
  if (heads === 1) return 'all heads';
  return head < 0 ? `mean of ${heads} heads` : `head ${head}`;
}

/** The map of one layer and the chosen head, or the mean of heads: [layers, heads, ...]. */
function mapOf(array, layer) {
  const heads = array.shape[1];
  const head = headOf(heads);
  return head < 0 ? meanOfParts(valuesOf(array, layer), heads) : valuesOf(array, layer, head);
}

/** An offset turned round: from the query's to the key's point of view. */
function turned(values) {
  return values.slice().reverse();
}

/** Where the key lies, seen from a query in the middle of a map by offset. */
function offsetWords(row, col, height, width) {
  const down = row - (height - 1) / 2;
  const right = col - (width - 1) / 2;
  const said = [];
  if (down) said.push(`${Math.abs(down)} ${down > 0 ? 'below' : 'above'}`);
  if (right) said.push(`${Math.abs(right)} to the ${right > 0 ? 'right' : 'left'}`);
  return said.length ? `key ${said.join(', ')}` : 'the query itself';
}

function offsetHeads(height, width) {
  const signs = (count, [before, after]) => rangeOf(0, count).map(i => {
    const by = i - (count - 1) / 2;
    return by ? `${Math.abs(by)} ${by > 0 ? after : before}` : '0';
  });
  return {rows: signs(height, ['above', 'below']), cols: signs(width, ['left', 'right'])};
}
