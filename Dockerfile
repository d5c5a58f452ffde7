FROM node:24-slim AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
# With the optional packages: the compiler's own program is one.
RUN npm ci --ignore-scripts
COPY tsconfig.json tsconfig.build.json ./
COPY tools/build-client.mjs ./tools/build-client.mjs
COPY src ./src
RUN npm run --silent build && chmod 755 dist/cli/main.js

FROM node:24-slim AS dependencies
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --omit=dev --omit=optional --ignore-scripts

FROM node:24-slim
ENV NODE_ENV=production
WORKDIR /app
COPY --from=dependencies /app/node_modules ./node_modules
COPY --from=build /app/dist ./dist
COPY package.json piipe.schema.json ./
COPY sql ./sql
COPY examples ./examples
RUN ln -s /app/dist/cli/main.js /usr/local/bin/piipe && install -d -o node -g node -m 700 /keys
USER node
# Node handles SIGTERM as process 1: no init program is needed.
# No HEALTHCHECK: a worker listens on nothing, retries what will pass and exits with its own code on what will not;
# a check that only starts another process would call any state healthy.
ENTRYPOINT ["piipe"]
CMD ["--help"]
