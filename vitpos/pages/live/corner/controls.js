'use strict';
// Buttons and choices around the picture.

function newControls(corner) {
  const {live, images} = corner;
  const image = select('Image', images.map(({index, label}, i) =>
    [i, `${live.classes[label] ?? 'image'} (test image ${index})`]),
  event => chooseImage(corner, Number(event.target.value)));
  const modes = make('fieldset', {class: 'live-modes'}, make('legend', {}, 'What a drag does'),
    MODES.filter(([mode]) => mode !== 'tell' || live.apart).map(([mode, text]) => modeChoice(corner, mode, text)));
  const button = (text, act) => make('button', {type: 'button', onclick: act}, text);
  const buttons = {
    shuffle: button('Shuffle all patches', () => shuffle(corner)),
    undo: button('Undo', () => step(corner, undo, 'Undone.')),
    redo: button('Redo', () => step(corner, redo, 'Done again.')),
    restore: button('Restore', () => restore(corner)),
    clear: button('Empty sheet', () => emptySheet(corner)),
    rub: button('Rub out', () => { corner.dark = !corner.dark; refresh(corner); }),
  };
  return {
    image, buttons,
    top: make('div', {class: 'live-top'}, make('div', {class: 'buttons'}, image.node), modes),
    below: make('div', {}, make('div', {class: 'buttons'}, Object.values(buttons)), shiftPad(corner)),
    modes,
  };
}

function modeChoice(corner, mode, text) {
  const input = make('input', {type: 'radio', name: 'live-mode', value: mode, onchange: () => {
    corner.mode = mode;
    refresh(corner);
  }});
  return make('label', {}, input, ` ${text}`);
}

/** Arrows that shift the image by a pixel or by a patch. */
function shiftPad(corner) {
  const by = select('Shift by', [[1, '1 pixel'], [corner.live.size[0] / corner.live.grid[0], 'a patch']], null);
  const arrows = [['\u2190', 'left', 0, -1], ['\u2191', 'up', -1, 0], ['\u2193', 'down', 1, 0],
    ['\u2192', 'right', 0, 1]];
  const buttons = arrows.map(([sign, word, down, right]) => make('button', {
    type: 'button', 'aria-label': `Shift ${word}`, 'data-shift': word,
    onclick: () => {
      const far = Number(by.field.value);
      const {history, live} = corner;
      change(corner, shifted(live, history.now, far * down, far * right), `Shifted ${word}.`);
    },
  }, sign));
  return make('div', {class: 'buttons', role: 'group', 'aria-label': 'Shift the image'}, by.node,
    make('span', {class: 'live-arrows'}, buttons));
}

function shuffle(corner) {
  const order = shuffledOrder(corner.cells);
  const {history, live, mode} = corner;
  change(corner, mode === 'tell' ? retold(history.now, order) : reordered(live, history.now, order),
    'All patches shuffled.');
}

function step(corner, way, words) {
  way(corner.history);
  corner.parts.done.textContent = words;
  refresh(corner);
}

function restore(corner) {
  change(corner, untouched(corner.images[corner.image], corner.cells), 'Restored.');
}

function emptySheet(corner) {
  const {history, cells} = corner;
  change(corner, untouched({pixels: new Uint8Array(history.now.pixels.length)}, cells), 'Emptied.');
}

function showControls({image, buttons, modes}, corner) {
  const {history, mode} = corner;
  image.field.value = String(corner.image);
  for (const input of modes.querySelectorAll('input')) input.checked = input.value === mode;
  buttons.undo.disabled = !history.past.length;
  buttons.redo.disabled = !history.future.length;
  buttons.shuffle.hidden = mode === 'draw';
  buttons.clear.hidden = buttons.rub.hidden = mode !== 'draw';
  buttons.rub.setAttribute('aria-pressed', String(corner.dark));
}
