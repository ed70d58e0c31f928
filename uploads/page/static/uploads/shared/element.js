/** Making elements in one expression, for panels that build themselves. */

/** A new element with these properties and children (elements or text). */
export function element(name, properties = {}, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}
