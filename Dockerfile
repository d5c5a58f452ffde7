# By tag: a digest is worth something only when it was read at the registry itself. A release says of each image by its digest
# what is in it (SBOM) and how it was built (.github/workflows/release.yml).
FROM node:24-slim AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
# With the optional packages: the compiler's own program is one.
RUN npm ci --ignore-scripts
COPY tsconfig.json tsconfig.build.json ./
COPY tools/build-cli.mjs tools/build-client.mjs tools/build-record.mjs ./tools/
COPY src ./src
RUN npm run --silent build

FROM node:24-slim AS dependencies
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --omit=dev --ignore-scripts
# AWS's libraries that only some configurations need, in the versions of the lockfile.
RUN npm install --no-save --save-prod --omit=dev --ignore-scripts --no-audit --no-fund \
  $(node -p "Object.keys(require('./package.json').peerDependencies).filter((name) => name.startsWith('@aws-sdk/')).map((name) => name + '@' + require('./package-lock.json').packages['node_modules/' + name].version).join(' ')")

# The servers of the demo, in the versions that package.json names as peers. Saved, in this stage, as what they are not:
# as packages of development they would be left out.
FROM dependencies AS servers
RUN node -p 'Object.entries(require("./package.json").peerDependencies).map((each) => each.join("@")).join(" ")' \
  | xargs npm install --save-prod --omit=dev --ignore-scripts --no-audit --no-fund

FROM node:24-slim AS worker
ENV NODE_ENV=production
WORKDIR /app
COPY --from=dependencies /app/node_modules ./node_modules
COPY --from=build /app/dist ./dist
COPY package.json piipe.schema.json ./
COPY sql ./sql
COPY examples ./examples
RUN ln -s /app/dist/bin/piipe.js /usr/local/bin/piipe && install -d -o node -g node -m 700 /keys
USER node
# Node handles SIGTERM as process 1: no init program is needed.
# No HEALTHCHECK: without --metrics a worker listens on nothing, and a check that only starts another process would call any
# state healthy. Orchestrators ask /healthz instead, as those of deploy/ do.
ENTRYPOINT ["piipe"]
CMD ["--help"]

# docker build --target demo --tag piipe:demo . && docker run --rm piipe:demo
FROM worker AS demo
COPY --from=servers /app/node_modules ./node_modules
CMD ["demo"]

# What is built without a target.
FROM worker
