// Computes, without Koppel, what its projects must make of two versions of a
// data set: node truth.mjs SET OLD NEW prints {first, second, changes}.
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { isDeepStrictEqual } from 'node:util';

const orNull = (x) => (x === undefined ? null : x);
const filled = (x) => x !== undefined && x !== null && x !== '';
const byUnits = (a, b) => (a < b ? -1 : a > b ? 1 : 0);

function mime(db) {
  return Object.entries(db)
    .filter(([type]) => !type.startsWith('x-'))
    .map(([type, v]) => ({
      type,
      tree: type.slice(0, type.indexOf('/')),
      subtype: type.slice(type.indexOf('/') + 1),
      source: orNull(v.source),
      charset: v.charset === undefined ? null : v.charset.toLowerCase(),
      compressible: v.compressible ?? false,
      extension: v.extensions ? v.extensions[0] : null,
      extensions: v.extensions ? v.extensions.join(',') : null,
      list: orNull(v.extensions),
      count: (v.extensions ?? []).length,
      registered: v.source === 'iana',
      textual: v.charset !== undefined || type.startsWith('text/'),
      suffix: type.includes('+') ? type.slice(type.lastIndexOf('+') + 1) : null,
      start: type.slice(0, 5).toUpperCase(),
      digest: createHash('sha256').update(type).digest('hex'),
    }));
}

function emoji(list) {
  return list.map((e) => ({
    unified: e.unified,
    name: e.name === null ? null : e.name.toLowerCase(),
    character: String.fromCodePoint(...e.unified.split('-').map((h) => parseInt(h, 16))),
    category: [e.category, e.subcategory].filter(filled).join(' ') || null,
    place: e.sort_order,
    added: Number(e.added_in),
    names: e.short_names.join(' '),
    short: e.short_name,
    faces: orNull(e.texts),
    face: [e.text, e.texts?.[0], 'none'].find(filled),
    skins: Object.keys(e.skin_variations ?? {}).sort(byUnits),
    skin_count: Object.keys(e.skin_variations ?? {}).length,
    everywhere: e.has_img_apple && e.has_img_google && e.has_img_twitter && e.has_img_facebook,
    images: { apple: e.has_img_apple, google: e.has_img_google },
    sheet: [e.sheet_x, e.sheet_y],
    carriers: [orNull(e.docomo), orNull(e.au), orNull(e.softbank)],
    obsoleted: orNull(e.obsoleted_by),
  }));
}

function countries(list) {
  return list.map((c) => ({
    code: c.cca3,
    name: c.name.common,
    official: c.name.official.toUpperCase(),
    native: Object.entries(c.name.native ?? {}).map(([k, v]) => `${k}=${v.common}`).sort(byUnits).join('; '),
    capital: orNull(c.capital?.[0]),
    capitals: c.capital === undefined ? null : c.capital.length,
    currencies: Object.entries(c.currencies ?? {})
      .map(([code, v]) => ({ code, name: orNull(v.name), symbol: orNull(v.symbol) }))
      .sort((a, b) => byUnits(a.code, b.code)),
    languages: Object.values(c.languages ?? {}).sort(byUnits),
    calling: (c.idd?.suffixes ?? []).map((s) => (c.idd.root ?? '') + s),
    area: orNull(c.area),
    latitude: orNull(c.latlng?.[0]),
    longitude: orNull(c.latlng?.[1]),
    position: { lat: orNull(c.latlng?.[0]), lon: orNull(c.latlng?.[1]), region: c.region.toLowerCase() },
    borders: orNull(c.borders),
    islands: (c.borders ?? []).length === 0,
    landlocked: orNull(c.landlocked),
    independent: orNull(c.independent),
    member: c.unMember ?? false,
    group: c.unRegionalGroup ?? 'unknown',
    flag: orNull(c.flag),
    demonym: orNull(c.demonyms?.eng?.f),
    spellings: (c.altSpellings ?? []).filter((s) => [...s].length > 3),
    translated: Object.keys(c.translations ?? {}).length,
    dutch: orNull(c.translations?.nld?.common),
    domain: c.tld === undefined || c.tld === null ? null : c.tld.join('|').replaceAll('.', ''),
  }));
}

const sets = { mime: [mime, 'type'], emoji: [emoji, 'unified'], countries: [countries, 'code'] };

function load(set, path) {
  const [map, key] = sets[set];
  const records = new Map();
  for (const r of map(JSON.parse(readFileSync(path, 'utf8')))) {
    if (records.has(r[key])) throw new Error(`${r[key]} occurs twice in ${path}`);
    records.set(r[key], r);
  }
  return records;
}

function difference(before, after) {
  const changes = [];
  for (const [key, b] of before) {
    if (!after.has(key)) changes.push({ op: 'delete', key, before: b, after: null, fields: [] });
  }
  for (const [key, a] of after) {
    const b = before.get(key);
    if (b === undefined) {
      changes.push({ op: 'create', key, before: null, after: a, fields: Object.keys(a) });
      continue;
    }
    const fields = Object.keys(a).filter((f) => !isDeepStrictEqual(a[f], b[f]));
    if (fields.length > 0) changes.push({ op: 'update', key, before: b, after: a, fields });
  }
  return changes.sort((a, b) => byUnits(a.key, b.key));
}

const [, , set, older, newer] = process.argv;
const first = load(set, older);
const second = load(set, newer);
process.stdout.write(JSON.stringify({
  first: Object.fromEntries(first),
  second: Object.fromEntries(second),
  changes: difference(first, second),
}));
