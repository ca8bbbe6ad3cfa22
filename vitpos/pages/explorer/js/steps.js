'use strict';
// From an image to tokens that know their place, in five steps.

const STEP_NAMES = ['Image', 'Patches', 'Projection', 'Sequence', 'Position'];

function buildSteps() {
  byId('steps').replaceChildren(...STEP_NAMES.map((name, i) => make('button', {
    type: 'button', role: 'tab', id: `step-${i}`, 'data-step': i, 'aria-controls': 'step',
  }, make('span', {class: 'number'}, String(i)), name)));
  byId('steps').addEventListener('click', event => {
    const tab = event.target.closest('[data-step]');
    if (tab) choose({step: Number(tab.dataset.step)});
  });
  roving(byId('steps'), '[data-step]');
  panel('step strategy image patch cut', drawStep);
}

function drawStep() {
  markChosen(byId('steps'), '[data-step]', 'aria-selected',
    tab => Number(tab.dataset.step) === state.step);
  byId('step').setAttribute('aria-labelledby', `step-${state.step}`);
  const draw = [stepOfImage, stepOfPatches, stepOfProjection, stepOfSequence, stepOfPosition];
  const {words, pictures: shown} = draw[state.step]();
  rebuild(byId('step-words'), words);
  arrange(byId('step-pictures'), shown);
}

function stepOfImage() {
  const here = frame();
  const [height, width] = here.size;
  const image = imageOf(here, state.image);
  return {
    words: [
      paragraph(`The network is given ${sayCount(height)} × ${sayCount(width)} pixels `
        + `${here.channels === 1 ? 'of brightness' : `in ${here.channels} channels`}: here image `
        + `${image.index} of the test data of ${here.dataset}, ${labelWords(here, image)}. The frame marks the `
        + 'patch that is chosen everywhere on this page.'),
      predictionWords(),
    ],
    pictures: [
      picture('step-image', {...wholeImage(here), caption: 'The image, pixel by pixel'}),
      picture('step-patch', {...onePatch(here),
        caption: `The chosen patch: ${cellWords(here, state.patch)}`}),
    ],
  };
}

/** What the network says of this image. */
function predictionWords() {
  const {predicted, probabilities} = arm().added ?? {};
  const found = predicted?.[state.image];
  if (found === undefined || found === null) return null;
  const sure = probabilities?.[state.image]?.[found];
  const right = found === imageOf(frame(), state.image).label;
  return paragraph(`The network with ${arm().name} sees “${className(frame(), found)}”`
    + `${isNumber(sure) ? ` with a probability of ${sayPercent(sure)}` : ''}, which is `
    + `${right ? 'right' : 'wrong'}.`);
}

function wholeImage(here) {
  const [height, width] = here.size;
  const [high, wide] = stepOfCells(here);
  const [rows, cols] = here.grid;
  const cellAt = (col, row) => clamp(Math.floor(row / high), rows) * cols
    + clamp(Math.floor(col / wide), cols);
  return {
    width, height, channels: here.channels, pixels: pixelsOf(here, state.image),
    cell: cellFor(width, height, 280),
    place: (col, row) => `pixel row ${row}, column ${col}, in patch ${cellAt(col, row)}`,
    marks: [{col: (state.patch % cols) * wide, row: Math.floor(state.patch / cols) * high,
      width: wide, height: high}],
    pick: (col, row) => choose({patch: cellAt(col, row)}),
    pickWords: 'chooses the patch',
  };
}

function onePatch(here) {
  const found = patchPixels(here, state.image, state.patch);
  return {...found, cell: cellFor(found.width, found.height, 196),
    place: (col, row) => `row ${row}, column ${col} of the patch`};
}

function stepOfPatches() {
  const here = frame();
  const [rows, cols] = here.grid;
  const step = stepOfCells(here);
  const cut = state.cut ? [state.cut, state.cut] : step;
  const exploded = explodedPixels(here, state.image, cut);
  const count = exploded.rows * exploded.cols;
  const own = !state.cut || state.cut === here.patch;
  return {
    words: [
      paragraph(`The image is cut into ${rows} rows of ${cols} patches of ${step[0]} × ${step[1]} `
        + `pixels: N = ${rows} × ${cols} = ${sayCount(cellsOf(here))}. Smaller patches see finer `
        + 'detail, but attention compares all pairs of tokens, so its cost grows with N².'),
      patchSizes(here),
    ],
    pictures: [picture('step-grid', {
      ...exploded,
      caption: own ? `The patches of this run: ${count}`
        : `If patches had ${cut[0]} × ${cut[1]} pixels: ${sayCount(count)}`,
      cell: cellFor(exploded.width, exploded.height, 320),
      place: (col, row) => placeOfExploded(exploded, cut, col, row),
      marks: own ? [markOfExploded(step, cols)] : [],
      pick: own ? (col, row) => choose({patch: cellOfExploded(exploded, cut, col, row)}) : null,
      pickWords: 'chooses the patch',
    })],
  };
}

function cellOfExploded({cols}, [high, wide], col, row) {
  return Math.floor(row / (high + 1)) * cols + Math.floor(col / (wide + 1));
}

function placeOfExploded(exploded, [high, wide], col, row) {
  if (exploded.pixels[(row * exploded.width + col) * exploded.channels] === null) return null;
  return `patch ${cellOfExploded(exploded, [high, wide], col, row)}`;
}

function markOfExploded([high, wide], cols) {
  return {col: (state.patch % cols) * (wide + 1), row: Math.floor(state.patch / cols) * (high + 1),
    width: wide, height: high};
}
