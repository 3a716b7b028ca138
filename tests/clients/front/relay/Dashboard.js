// A dashboard as Relay wants it: connections that grow, objects that are fetched again by their id, lists that mutations change.

import { graphql } from 'relay-runtime';

export const query = graphql`
  query DashboardQuery($accountId: ID!, $from: Date!, $to: Date!) {
    viewer {
      permission
      account {
        name
      }
    }
    account(id: $accountId) {
      ...Dashboard_account
      ...Dashboard_feeds
      consumption(from: $from, to: $to, interval: MONTH) {
        points {
          from
          pages
          trees
        }
      }
    }
  }
`;

export const account = graphql`
  fragment Dashboard_account on Account @refetchable(queryName: "DashboardAccountRefetchQuery") {
    name
    timeZone
    totals {
      lifetime {
        pages
        standardPages
        trees
      }
    }
    health {
      openAnomalyCount
    }
  }
`;

export const feeds = graphql`
  fragment Dashboard_feeds on Account
  @refetchable(queryName: "DashboardFeedsPaginationQuery")
  @argumentDefinitions(count: { type: "Int", defaultValue: 25 }, cursor: { type: "String" }) {
    feeds(first: $count, after: $cursor) @connection(key: "Dashboard_feeds") {
      edges {
        node {
          ...Dashboard_feed
        }
      }
    }
  }
`;

export const feed = graphql`
  fragment Dashboard_feed on Feed {
    id
    externalId
    status
    health {
      status
      reason
      message
    }
    server {
      name
      vendor
    }
    collections(first: 1) {
      edges {
        node {
          status
          pages
          error {
            message
          }
        }
      }
    }
  }
`;

export const devices = graphql`
  fragment Dashboard_devices on Feed
  @refetchable(queryName: "DashboardDevicesBackwardsQuery")
  @argumentDefinitions(count: { type: "Int", defaultValue: 10 }, cursor: { type: "String" }) {
    devices(last: $count, before: $cursor) @connection(key: "Dashboard_devices") {
      edges {
        node {
          vendorDeviceId
          meters {
            kind
            lifeCount
          }
        }
      }
    }
  }
`;

export const subject = graphql`
  query DashboardNodeQuery($id: ID!) {
    node(id: $id) {
      __typename
      ... on Feed {
        ...Dashboard_devices @alias(as: "devices")
      }
      ... on Server {
        health {
          history(first: 5) {
            edges {
              node {
                subject {
                  __typename
                  ... on Node {
                    id
                  }
                }
              }
            }
          }
        }
      }
    }
  }
`;

export const register = graphql`
  mutation DashboardRegisterFeedMutation($input: RegisterFeedInput!, $connections: [ID!]!) {
    registerFeed(input: $input) {
      feed @appendNode(connections: $connections, edgeTypeName: "FeedEdge") {
        ...Dashboard_feed
      }
      userErrors {
        code
        field
        message
      }
    }
  }
`;

export const removeUser = graphql`
  mutation DashboardRemoveUserMutation($input: RemoveUserInput!, $connections: [ID!]!) {
    removeUser(input: $input) {
      removedUserId @deleteRecord @deleteEdge(connections: $connections)
      userErrors {
        message
      }
    }
  }
`;

export const progress = graphql`
  subscription DashboardProgressSubscription($runId: ID!, $after: String) {
    syncProgress(runId: $runId, after: $after) {
      cursor
      status
      feedsDone
      feedsTotal
      currentFeed {
        name
      }
      syncRun {
        status
        finishedAt
      }
    }
  }
`;
