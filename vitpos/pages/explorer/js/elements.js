'use strict';
// Elements of the page. What comes from a run goes in as text, never as markup: names of runs,
// classes and studies are anybody's.

const SVG = 'http://www.w3.org/2000/svg';

function byId(id) {
  return document.getElementById(id);
}

/** An HTML element; attributes that start with `on` are listeners, null and false leave one out. */
function make(tag, attributes = {}, ...children) {
  return dress(document.createElement(tag), attributes, children);
}

/** The same for what is drawn in lines. */
function shape(tag, attributes = {}, ...children) {
  return dress(document.createElementNS(SVG, tag), attributes, children);
}

function dress(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith('on')) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? '' : String(value));
  }
  node.append(...children.flat(Infinity).filter(isSomething));
  return node;
}

function isSomething(child) {
  return child !== null && child !== undefined && child !== false;
}

/** Puts these nodes in place, and touches nothing if they are there: the focus stays. */
function arrange(place, nodes) {
  const wanted = nodes.flat().filter(Boolean);
  const there = [...place.childNodes];
  const same = there.length === wanted.length && there.every((node, i) => node === wanted[i]);
  if (!same) place.replaceChildren(...wanted);
}

/** Replaces everything in place, and gives the focus back to what has the same data-key. */
function rebuild(place, ...children) {
  const focused = place.contains(document.activeElement) ? document.activeElement : null;
  const key = focused?.dataset.key;
  place.replaceChildren(...children.flat().filter(Boolean));
  if (key) place.querySelector(`[data-key="${CSS.escape(key)}"]`)?.focus();
}

/** A paragraph. */
function paragraph(text, kind = null) {
  return make('p', {class: kind}, text);
}

/** The options of a select, kept as they are if they are these. */
function fillSelect(select, options, chosen) {
  const told = JSON.stringify(options);
  if (select.dataset.told !== told) {
    select.dataset.told = told;
    select.replaceChildren(...options.map(optionOrGroup));
  }
  select.value = String(chosen);
}

function optionOrGroup(option) {
  if (!option.options) return make('option', {value: option.value}, option.text);
  return make('optgroup', {label: option.text}, option.options.map(optionOrGroup));
}
