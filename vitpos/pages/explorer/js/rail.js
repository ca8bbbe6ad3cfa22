'use strict';
// The choices that hold everywhere: an image, a patch, a strategy and another, layer, head, query.

function buildRail() {
  byId('patches').addEventListener('click', event => {
    const cell = event.target.closest('[data-cell]');
    if (cell) choose({patch: Number(cell.dataset.cell)});
  });
  byId('patches').addEventListener('keydown', movePatch);
  byId('images').addEventListener('click', event => {
    const button = event.target.closest('[data-image]');
    if (button) choose({image: Number(button.dataset.image)});
  });
  roving(byId('images'), '[data-image]');
  for (const name of ['strategy', 'versus', 'query', 'range', 'theme']) {
    byId(`choose-${name}`).addEventListener('change', event => {
      choose({[name]: event.target.value});
    });
  }
  for (const name of ['layer', 'head']) {
    byId(`choose-${name}`).addEventListener('change', event => {
      choose({[name]: Number(event.target.value)});
    });
  }
  panel('strategy', drawCells);
  panel('strategy image', drawImages);
  panel('strategy patch image', drawSelection);
  panel('strategy versus layer head query range theme', drawSelects);
}

/** One button per patch above the image. */
function drawCells() {
  const place = byId('patches');
  const [rows, cols] = frame().grid;
  if (place.dataset.grid === `${rows} ${cols}`) return;
  place.dataset.grid = `${rows} ${cols}`;
  place.style.gridTemplate = `repeat(${rows}, 1fr) / repeat(${cols}, 1fr)`;
  place.replaceChildren(...rangeOf(0, rows).map(row => make('div', {role: 'row'},
    rangeOf(0, cols).map(col => make('button', {
      type: 'button', role: 'gridcell', class: 'cell', tabindex: -1, 'aria-selected': 'false',
      'data-cell': row * cols + col, 'aria-label': cellWords(frame(), row * cols + col),
    })))));
}

function movePatch(event) {
  const [rows, cols] = frame().grid;
  const to = nextInGrid(event.key, Math.floor(state.patch / cols), state.patch % cols, rows, cols);
  if (!to) return;
  event.preventDefault();
  choose({patch: to[0] * cols + to[1]});
  byId('patches').querySelector(`[data-cell="${state.patch}"]`).focus();
}

function drawSelection() {
  const here = frame();
  const [height, width] = here.size;
  const stage = byId('stage');
  stage.style.aspectRatio = `${width} / ${height}`;
  paintPixels(byId('image'), {width, height, channels: here.channels,
    pixels: pixelsOf(here, state.image)});
  markChosen(byId('patches'), '[data-cell]', 'aria-selected',
    button => Number(button.dataset.cell) === state.patch);
  byId('selected').textContent = `Chosen: ${cellWords(here, state.patch)}`;
  const image = imageOf(here, state.image);
  byId('image-words').textContent =
    `Image ${image.index} of the test data, ${labelWords(here, image)}. Choose a patch.`;
}

function labelWords(someFrame, image) {
  return image.label === null || image.label === undefined
    ? 'without a label' : `a “${className(someFrame, image.label)}”`;
}

/** Small images to choose from. */
function drawImages() {
  const here = frame();
  const place = byId('images');
  if (place.dataset.frame !== String(arm().frame)) {
    place.dataset.frame = String(arm().frame);
    const [height, width] = here.size;
    place.replaceChildren(...here.images.map((image, i) => {
      const canvas = make('canvas', {'aria-hidden': 'true'});
      paintPixels(canvas, {width, height, channels: here.channels, pixels: pixelsOf(here, i)});
      return make('button', {type: 'button', role: 'radio', class: 'thumbnail', 'data-image': i,
        'aria-label': `image ${image.index}, ${labelWords(here, image)}`}, canvas);
    }));
  }
  markChosen(place, '[data-image]', 'aria-checked',
    button => Number(button.dataset.image) === state.image);
}

function drawSelects() {
  const here = frame();
  const groups = armsByKind().map(([kind, members]) => (
    {text: kind, options: members.map(({name}) => ({value: name, text: name}))}));
  fillSelect(byId('choose-strategy'), groups, state.strategy);
  const others = arms().filter(one => one !== arm()).map(({name}) => ({value: name, text: name}));
  fillSelect(byId('choose-versus'), others.length ? others : [{value: '', text: 'no other'}],
    state.versus);
  fillSelect(byId('choose-layer'),
    layersOf(arm()).map((layer, value, all) => ({value, text: layerWords(layer, value, all.length)})),
    state.layer);
  fillSelect(byId('choose-head'), [{value: -1, text: 'mean of all heads'},
    ...rangeOf(0, here.heads).map(value => ({value, text: `head ${value}`}))], state.head);
  fillSelect(byId('choose-query'), [{value: 'patch', text: 'the chosen patch'},
    ...here.prefix.map(value => ({value, text: value}))], state.query);
  byId('choose-range').value = state.range;
  byId('choose-theme').value = state.theme;
  document.documentElement.dataset.theme = state.theme;
}

function layerWords(layer, at, count) {
  if (count === 1) return `layer ${layer} (the only one)`;
  if (at === 0) return `layer ${layer} (first)`;
  return at === count - 1 ? `layer ${layer} (last)` : `layer ${layer}`;
}

/** All strategies, family by family, in the order in which they come. */
function armsByKind() {
  const kinds = new Map();
  for (const one of arms()) {
    const kind = one.kind || one.family || 'strategies';
    if (!kinds.has(kind)) kinds.set(kind, []);
    kinds.get(kind).push(one);
  }
  return [...kinds];
}
