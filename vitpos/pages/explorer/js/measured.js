'use strict';
// What every strategy has, measured on images whose patches are shuffled: there content has no
// place, so what is left is position. The kernel of attention, and how alike places become.

const ENTERING = -1; // in the place of the number of a block

function buildMeasured() {
  panel('strategy layer head range', drawKernel);
  panel('strategy patch layer range', drawSimilarity);
}

function drawKernel() {
  const one = arm();
  const {kernel} = one;
  if (!kernel?.values) {
    rebuild(byId('kernel-words'), addedNothing(kernel?.why_not ?? 'The kernel was left out.'));
    arrange(byId('kernel-pictures'), []);
    return;
  }
  rebuild(byId('kernel-words'), kernelWords(one));
  const [, , height, width] = kernel.values.shape;
  const shared = {...scaleOfArray(kernel.values), unit: 'logit'};
  const values = turned(mapOf(kernel.values, state.layer));
  const own = state.range === 'own' ? scaleOf(values, true) : {};
  const heads = kernel.values.shape[1];
  arrange(byId('kernel-pictures'), [
    picture('kernel', {
      caption: `Mean logit by offset: layer ${chosenLayer(one)}, ${headWords(heads)}`,
      width, height, values, ...shared, ...own, cell: cellFor(width, height, 280),
      place: (col, row) => offsetWords(row, col, height, width),
      marks: [{col: (width - 1) / 2, row: (height - 1) / 2, kind: 'query'}],
      heads: offsetHeads(height, width),
      unknown: (col, row) => whyNoLogit(row, col, height, width),
    }),
    atlas('kernels', one, {
      caption: 'All layers (down) and heads (across)', ...shared,
      unknown: (col, row) => {
        const tile = inTile(col, row, kernel.values.shape);
        return whyNoLogit(tile.row, tile.col, height, width);
      },
      shape: kernel.values.shape, layers: layersOf(one),
      values: turnedTiles(valuesOf(kernel.values), kernel.values.shape),
      words: (row, col) => offsetWords(row, col, height, width),
    }),
  ]);
}

/** There is no number where a token meets itself, nor where no query may look. */
function whyNoLogit(row, col, height, width) {
  const middle = row === (height - 1) / 2 && col === (width - 1) / 2;
  return middle ? 'left out, for a token meets its own content there' : 'no query looks there';
}

function kernelWords({kernel}) {
  const strength = kernel.strength?.[state.layer];
  const floor = kernel.floor?.[state.layer];
  const told = [paragraph('The middle is the query; a place to the right of it is a key to the '
    + 'right. Positive (purple): attention is drawn there by place alone, whatever is seen; '
    + 'negative (orange): it is pushed away.')];
  if (isNumber(strength) && isNumber(floor)) {
    told.push(paragraph(strength > floor
      ? `In this layer position moves the logits by ${say(strength)}; chance alone would show ${say(floor)}.`
      : `In this layer position moves the logits by ${say(strength)}, and chance alone shows `
        + `${say(floor)}: what you see is noise.`, 'finding'));
  }
  return told;
}

function drawSimilarity() {
  const one = arm();
  const array = one.similarity;
  if (!array) {
    rebuild(byId('similarity-words'), addedNothing('These numbers were left out of this file.'));
    arrange(byId('similarity-pictures'), []);
    return;
  }
  rebuild(byId('similarity-words'), paragraph('The mean token of every place, and how alike it is '
    + 'to that of the chosen patch. Where all are alike (1) the network no longer knows places '
    + 'apart; where near ones are more alike it knows what is near.'));
  const [start, after] = [ENTERING, chosenLayer(one)].map(block => nearestBlock(one, block));
  arrange(byId('similarity-pictures'), [
    start.block === ENTERING
      && tokensAlike('similarity-start', array, start.at, 'Entering the first block'),
    after.block !== ENTERING && tokensAlike('similarity', array, after.at, `After block ${after.block}`),
  ]);
}

/** Blocks after which similarities were kept, and what entered the first one. */
function blocksOfSimilarity(one) {
  return one.similarity_of ?? [ENTERING, ...layersOf(one)];
}

/** The kept block nearest to the one that is asked for. */
function nearestBlock(one, block) {
  const kept = blocksOfSimilarity(one);
  const at = kept.reduce((best, here, i) => (
    Math.abs(here - block) < Math.abs(kept[best] - block) ? i : best), 0);
  return {at, block: kept[at]};
}

function tokensAlike(name, array, at, when) {
  const here = frame();
  const grid = onTheGrid(here);
  const row = valuesOf(array, at, state.patch);
  return picture(name, {
    ...grid, caption: `${when}: how alike mean tokens are to that of patch ${state.patch}`,
    values: row, ...cosineScale(row), cell: cellFor(grid.width, grid.height, 224),
  });
}
