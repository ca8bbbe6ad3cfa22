'use strict';
// What an answer means for the picture that is seen. The network numbers its cells by where it is
// told that they lie; the page numbers them by where they are seen.

/** An answer by name. `weights` has null for blocks that do not attend. */
function named(live, [logits, before, entered, ...weights]) {
  const rest = weights.values();
  return {
    logits,
    probabilities: probabilitiesOf(logits),
    before,
    entered,
    weights: live.blocks.map(({heads}) => (heads ? rest.next().value : null)),
  };
}

function probabilitiesOf(logits) {
  const largest = Math.max(...logits);
  const parts = Array.from(logits, logit => Math.exp(logit - largest));
  const sum = parts.reduce((a, b) => a + b, 0);
  return parts.map(part => part / sum);
}

function best(values) {
  return values.indexOf(Math.max(...values));
}

/** The number of the token of a cell, in a block whose grid may be coarser than the picture's. */
function tokenOf(live, block, told, cell) {
  const [rows, cols] = live.grid;
  const place = told[cell];
  if (block.grid[0] === rows && block.grid[1] === cols) return block.prefix + place;
  const row = Math.floor(Math.floor(place / cols) * block.grid[0] / rows);
  const col = Math.floor((place % cols) * block.grid[1] / cols);
  return block.prefix + row * block.grid[1] + col;
}

/** How much each cell of the picture is read in a block: by one token, or by all cells (null). */
function readBy({live, answer, told, layer, head, query}) {
  const block = live.blocks[layer];
  const cells = Array.from({length: live.grid[0] * live.grid[1]}, (_, i) => i);
  const tokens = cells.map(cell => tokenOf(live, block, told, cell));
  const heads = head < 0 ? Array.from({length: block.heads}, (_, i) => i) : [head];
  const queries = query === null ? tokens : [query];
  const count = block.prefix + block.grid[0] * block.grid[1];
  const weights = answer.weights[layer];
  return cells.map(cell => {
    let sum = 0;
    for (const h of heads) {
      for (const q of queries) sum += weights[(h * count + q) * count + tokens[cell]];
    }
    return sum / heads.length / queries.length;
  });
}

/** Token of a cell in front of the first block: without position, what is added, and both. */
function tokenVectors({live, answer, told}, cell) {
  const {dim} = live;
  const at = (live.blocks[0].prefix + told[cell]) * dim;
  const before = answer.before.subarray(at, at + dim);
  const entered = answer.entered.subarray(at, at + dim);
  return {before, added: entered.map((value, i) => value - before[i]), entered};
}

function lengthOf(vector) {
  return Math.hypot(...vector);
}
