# One image for all apps: the command says which one a container runs (docker-compose.yml has them all).
FROM node:22-bookworm-slim AS build
ENV CI=true
WORKDIR /tenantry
COPY package.json ./
RUN npm install --global "$(node -p 'require("./package.json").packageManager')"
COPY . .
# Not the whole workspace: the apps and what they are made of. Their tests, and what only these need, stay out.
RUN --mount=type=cache,target=/pnpm-store \
    pnpm install --frozen-lockfile --store-dir=/pnpm-store --filter-prod='@tenantry/docker...' \
 && pnpm --filter-prod='@tenantry/docker...' run build
# Copies the packages instead of linking them, which takes that setting; the versions are those of the lock file.
RUN --mount=type=cache,target=/pnpm-store \
    pnpm --config.inject-workspace-packages=true --filter=@tenantry/docker deploy --prod --store-dir=/pnpm-store /app \
 && ln -s node_modules/@tenantry /app/apps

FROM node:22-bookworm-slim
# In a container, 127.0.0.1 would be heard by nobody. Who may reach the port is for its networks and `ports` to say.
ENV NODE_ENV=production HOST=0.0.0.0 PORT=3000
WORKDIR /app
COPY --from=build /app ./
# What a volume that is mounted there starts with: its owner.
RUN install -d -o node -g node -m 700 /var/lib/tenantry /var/lib/load-test
USER node
EXPOSE 3000
# Node is process 1, starts no others, and ends on this signal: the apps answer what they were asked, then exit with 0.
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=3s --timeout=3s --start-period=10s --retries=3 CMD ["node", "healthcheck.js"]
CMD ["node", "apps/sample-server/dist/server.js"]
