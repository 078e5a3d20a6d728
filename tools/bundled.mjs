// What keymill depends on, as its tarball carries it: each package pressed into one file, because npm takes its time per file.
import { copyFileSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { build } from 'esbuild';

/** Of a package's own package.json. Its scripts, commands and types are not carried, and its entry is another. */
const KEPT = ['name', 'version', 'author', 'license', 'repository', 'engines', 'dependencies'];
const LICENSE = /^(?:licen[cs]e|copying|notice)\b/i;
const IDENTIFIER = /^[A-Za-z_$][\w$]*$/;

const readJson = (...file) => JSON.parse(readFileSync(path.join(...file), 'utf8'));

/**
 * Writes the packages that keymill in `root` requires, directly or not, into `copy`/node_modules: of each package.json, index.js and its
 * licence. They remain packages, so that `npm ls`, `npm audit` and an SBOM name every one.
 *
 * @returns `files`, and for package.json what it says of them, at the versions that are installed here. Optional packages are not
 *   carried: each is an addon for one platform, of which npm installs the one that fits.
 * @throws {Error} for a package that has no licence text or is there in two versions, and for what esbuild warns of.
 */
export async function bundleDependencies(root, copy) {
  const locked = Object.entries(readJson(root, 'package-lock.json').packages)
    .filter(([folder, { dev }]) => folder !== '' && !dev)
    .map(([folder, { optional = false, version }]) => ({
      name: folder.replace('node_modules/', ''),
      optional,
      version,
    }));
  const versions = (packages) => Object.fromEntries(packages.map(({ name, version }) => [name, version]));
  const direct = Object.keys(readJson(root, 'package.json').dependencies);
  const required = await Promise.all(
    locked.filter(({ optional }) => !optional).map(({ name }) => bundlePackage(root, copy, name)),
  );
  return {
    files: required.flatMap(({ files }) => files),
    manifest: {
      dependencies: versions(required.filter(({ name }) => direct.includes(name))),
      optionalDependencies: versions(locked.filter(({ optional }) => optional)),
      bundleDependencies: direct,
    },
  };
}

async function bundlePackage(root, copy, name) {
  if (name.includes('/node_modules/')) throw new Error(`${name} is a second version, which has no place`);
  const folder = path.join('node_modules', name);
  const manifest = readJson(root, folder, 'package.json');
  const isModule = await pressIntoFile(root, path.join(copy, folder, 'index.js'), manifest);

  const licenses = readdirSync(path.join(root, folder)).filter((file) => LICENSE.test(file));
  if (licenses.length === 0) throw new Error(`${name} has no licence text`);
  for (const file of licenses) copyFileSync(path.join(root, folder, file), path.join(copy, folder, file));

  const kept = Object.fromEntries(KEPT.filter((key) => key in manifest).map((key) => [key, manifest[key]]));
  const written = { ...kept, type: isModule ? 'module' : 'commonjs', exports: './index.js' };
  writeFileSync(path.join(copy, folder, 'package.json'), `${JSON.stringify(written, null, 2)}\n`);
  const files = ['package.json', 'index.js', ...licenses].map((file) => `node_modules/${name}/${file}`);
  return { name, version: manifest.version, files };
}

/** Whether it became a module: all that is CommonJS, even in parts, stays that, because it calls require(). */
async function pressIntoFile(root, outfile, { name, version, dependencies = {} }) {
  const press = (format, names = []) =>
    build({
      entryPoints: [name],
      absWorkingDir: root,
      outfile,
      bundle: true,
      external: Object.keys(dependencies),
      platform: 'node',
      target: 'node20.19',
      format,
      keepNames: true,
      banner: {
        js: `// ${name} ${version}, its files put into one by esbuild for the package keymill; otherwise unchanged.`,
      },
      // Not run: Node finds the names that CommonJS code exports in its text.
      footer: { js: names.length > 0 ? `0 && (module.exports = { ${names.join(', ')} });` : '' },
      metafile: true,
      logLevel: 'silent',
    });
  let { metafile, warnings } = await press('esm');
  const isModule = Object.values(metafile.inputs).every(({ format }) => format === 'esm');
  if (!isModule) {
    const names = Object.keys(await import(name)).filter((each) => IDENTIFIER.test(each) && each !== 'default');
    ({ warnings } = await press('cjs', names));
  }
  if (warnings.length > 0) throw new Error(`${name}: ${warnings.map(({ text }) => text).join('\n')}`);
  return isModule;
}
