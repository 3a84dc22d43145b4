# Meterr in a container: one process, no root, and nothing written outside /data.
#
#   docker build -t meterr .
#   docker run -p 4000:4000 -v meterr:/data meterr
#
# BASE is any Debian-like image with glibc, Node 20 or newer and npm. Meterr brings the Node that it
# runs on itself, as an npm package.
ARG BASE=node:24-bookworm-slim

FROM ${BASE} AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --omit=dev --no-audit --no-fund
COPY . .
# The code that Prisma generates is made here, so the image needs no generator.
RUN PATH=/app/node_modules/.bin:$PATH node scripts/generate.ts \
  && npm uninstall --omit=dev --no-save --no-audit --no-fund --ignore-scripts prisma prisma-pothos-types \
  && rm -rf node_modules/.cache

FROM ${BASE}
# `docker stop` waits for 10 s.
ENV NODE_ENV=production HOST=0.0.0.0 PORT=4000 METERR_DATA_DIR=/data METERR_SHUTDOWN_SECONDS=9
# PostgreSQL asks for the name of its user. Group 0 may write, so that a platform that chooses the
# user (OpenShift) can run it too.
RUN echo 'meterr:x:10001:0:Meterr:/data:/usr/sbin/nologin' >> /etc/passwd \
  && mkdir /data && chown 10001:0 /data && chmod 0770 /data
COPY --from=build --chown=0:0 /app /app
WORKDIR /app
USER 10001
VOLUME /data
EXPOSE 4000
# SIGTERM drains, see docs/operations.md; give it more than METERR_DRAIN_SECONDS + METERR_SHUTDOWN_SECONDS.
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s CMD \
  ["node_modules/node/bin/node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT}/health/ready`).then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
CMD ["node_modules/node/bin/node", "--max-semi-space-size=32", "--min-semi-space-size=32", "--heap-growing-percent=200", "--no-allocation-site-pretenuring", "src/main.ts"]
