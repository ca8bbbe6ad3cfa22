'use strict';
// A sheet over the picture to draw on, by pointer, or by arrow keys with the pen down.

/** `actions`: stroke(from, to) in pixels of the picture, [row, column]; end() of a stroke. */
function newSheet(live, actions) {
  const pen = make('span', {class: 'live-pen', 'aria-hidden': 'true'});
  const node = make('div', {class: 'live-sheet', tabindex: 0, role: 'application', hidden: true,
    'aria-label': 'Drawing', 'aria-describedby': 'live-pen-keys'}, pen);
  const at = [live.size[0] / 2, live.size[1] / 2];
  const sheet = {live, node, pen, actions, at, down: false, drawing: false};
  node.addEventListener('keydown', event => onSheetKey(sheet, event));
  node.addEventListener('blur', () => liftPen(sheet));
  listenToStrokes(sheet);
  showPen(sheet);
  return sheet;
}

function onSheetKey(sheet, event) {
  const way = WAYS[event.key];
  if (event.key === ' ' || event.key === 'Enter') {
    sheet.down = !sheet.down;
    if (sheet.down) sheet.actions.stroke(sheet.at, sheet.at);
    else sheet.actions.end();
  } else if (way) {
    const far = event.shiftKey ? 4 : 1;
    const to = sheet.at.map((place, axis) =>
      Math.max(0, Math.min(sheet.live.size[axis], place + far * way[axis])));
    if (sheet.down) sheet.actions.stroke(sheet.at, to);
    sheet.at = to;
  } else return;
  event.preventDefault();
  showPen(sheet);
}

function liftPen(sheet) {
  if (!sheet.down) return;
  sheet.down = false;
  sheet.actions.end();
  showPen(sheet);
}

function listenToStrokes(sheet) {
  const {node, actions, live} = sheet;
  const place = event => placeUnder(node, event).map((part, axis) => part * live.size[axis]);
  node.addEventListener('pointerdown', event => {
    node.setPointerCapture(event.pointerId);
    sheet.drawing = true;
    sheet.at = place(event);
    actions.stroke(sheet.at, sheet.at);
    showPen(sheet);
  });
  node.addEventListener('pointermove', event => {
    if (!sheet.drawing) return;
    const to = place(event);
    actions.stroke(sheet.at, to);
    sheet.at = to;
    showPen(sheet);
  });
  for (const kind of ['pointerup', 'pointercancel']) {
    node.addEventListener(kind, () => {
      if (sheet.drawing) actions.end();
      sheet.drawing = false;
    });
  }
}

function showPen({node, pen, at, live, down}) {
  pen.style.top = `${(100 * at[0]) / live.size[0]}%`;
  pen.style.left = `${(100 * at[1]) / live.size[1]}%`;
  node.classList.toggle('down', down);
}
