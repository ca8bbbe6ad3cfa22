'use strict';
// The page from its file to its first picture.

async function start() {
  const times = {started: performance.now()};
  try {
    await readPayload();
    times.read = performance.now();
    readPalettes(payload.meta.palettes);
    readLink();
    build();
    drawPanels(() => true);
    document.body.classList.add('ready');
  } catch (trouble) {
    explain(trouble);
    return;
  }
  times.built = performance.now();
  requestAnimationFrame(() => requestAnimationFrame(() => {
    times.painted = performance.now();
    goToPart();
    window.__ready = times;
  }));
}

function build() {
  buildRail();
  buildSteps();
  buildStrategies();
  buildObjects();
  buildMeasured();
  buildSizes();
  buildDirection();
  buildAttention();
  buildVersus();
  buildAll();
  buildParts();
  if (typeof buildLive === 'function') buildLive();
  window.addEventListener('hashchange', () => {
    readLink();
    drawPanels(() => true);
    goToPart();
  });
  let width = window.innerWidth;
  window.addEventListener('resize', () => {
    if (window.innerWidth !== width) redrawCharts();
    width = window.innerWidth;
  });
}

/** Links to the parts of this page: the address behind the # holds the choices, too. */
function buildParts() {
  for (const button of document.querySelectorAll('[data-goto]')) {
    button.addEventListener('click', () => {
      choose({part: button.dataset.goto});
      goToPart();
    });
  }
}

function goToPart() {
  if (!/^[a-z]+$/.test(state.part)) return;
  const part = byId(`part-${state.part}`);
  if (!part) return;
  part.scrollIntoView({behavior: prefersStill() ? 'auto' : 'smooth'});
  part.focus({preventScroll: true});
}

/** A message in the place of a blank page. */
function explain(trouble) {
  const told = trouble instanceof Trouble ? trouble.message
    : `Something in this page went wrong: ${trouble.message}`;
  byId('trouble').hidden = false;
  byId('trouble-words').textContent = told;
  document.body.classList.add('broken');
  window.__ready = {broken: told};
  if (!(trouble instanceof Trouble)) console.error(trouble);
}

document.addEventListener('DOMContentLoaded', start);
