// Plain JavaScript that any Node runs: `npm ci` brings Node 24 along, unless install scripts are blocked.
if (Number(process.versions.node.split(".")[0]) < 24) {
  console.error(
    `Codemode needs Node 24 or later; this is ${process.version}, and the one that npm installs is missing.`,
  );
  console.error("Its install script was blocked. To allow it:");
  console.error("  npm install-scripts approve node isolated-vm --no-allow-scripts-pin && npm rebuild");
  process.exit(1);
}
