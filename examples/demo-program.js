// As a model would write it: it has never seen this repository, only the descriptions of the tools.
export default async () => {
  const { folder } = context;
  const [files, commits] = await Promise.all([tools.listFiles({ folder }), tools.gitLog({ folder, limit: 200 })]);
  console.log(`${files.list.length} files and ${commits.list.length} commits in ${folder}/`);

  const manifest = await tools.packageInfo({ folder });
  const sources = files.list.filter((file) => file.path.endsWith(".ts")).toSorted((a, b) => b.bytes - a.bytes);
  const largest = await Promise.all(sources.slice(0, 3).map(({ path }) => tools.readFile({ path })));

  const byAuthor = Object.groupBy(commits.list, (commit) => commit.author);
  const answers = [files, commits, manifest, ...largest];
  return {
    package: `${manifest.name} ${manifest.version}`,
    dependencies: manifest.dependencies.length,
    sourceKiB: Math.round(sources.reduce((sum, file) => sum + file.bytes, 0) / 1024),
    largest: largest.map(({ path, text }) => ({ path, lines: text.split("\n").length })),
    commits: Object.entries(byAuthor).map(([author, list]) => ({
      author,
      count: list.length,
      latest: list[0].subject,
    })),
    // Every tool says on whose behalf it ran.
    servedTo: [...new Set(answers.map((answer) => answer.servedTo))],
  };
};
